"""Somebody's documents and a pipeline's JSON for them -> a suite in the user's own keys.

Everything that comes out is a guess that a person checks: `vlm-lab init` shows it before it is
written.
"""
