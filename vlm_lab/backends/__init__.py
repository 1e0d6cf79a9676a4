"""Name -> backend class, imported late."""
