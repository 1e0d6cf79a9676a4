"""models.yaml -> candidates and rules (`models_file`); verdicts -> models.yaml (`status`).

A misspelt key is an error with its line before anything runs, never a setting that was ignored.
"""
