"""Figures and the user's rules -> a word for each candidate; two runs -> whether one of them got
worse.

No names are re-exported: they would bring numpy to pytest's collection.
"""
