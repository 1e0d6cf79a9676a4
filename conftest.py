"""Yours: your own hooks and fixtures, and overrides of `model`, `prompt`, `generate` and
`record`."""
