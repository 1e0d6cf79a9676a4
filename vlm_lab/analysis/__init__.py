"""Records -> figures: estimates with intervals, paired differences, doubtful references.

Nothing is asked, written or decided here. No names are re-exported: they would bring numpy to
pytest's collection.
"""
