"""pytest hooks and fixtures, no logic of their own."""
