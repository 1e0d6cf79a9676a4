"""Records -> a run's folder, and a run's folder -> records: what lies on disk, written and read in
one place.

Nothing here knows what a figure means; whatever reads a run, reads it through these modules.
"""
