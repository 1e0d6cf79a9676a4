"""The error of a worker that has a kind of its own.

Runs inside the worker: valid on Python 3.9, imports nothing of ours.
"""


class WorkerError(Exception):
    """WorkerError(kind, message): what a record says of a case, or of a model that is not here."""
