"""Statistics and records -> files that people and machines read."""
