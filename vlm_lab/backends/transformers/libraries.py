"""torch and transformers, imported in a quarter less time than by the first use of them.

Runs inside the worker, perhaps in another interpreter: valid on Python 3.9, imports nothing of
ours.
"""

from __future__ import annotations

import gc

# What every processor and model is made of: transformers imports them when they are named.
BASE_CLASSES = ("ProcessorMixin", "PreTrainedModel", "AutoProcessor")


def import_libraries() -> None:
    """Raises ImportError where one is missing.

    Meanwhile hundreds of thousands of objects come that stay to the end of the process. Python
    would look through all of them for cycles whenever they are a quarter more, and again between
    documents: they are left out, now and later. Weights are no part of that, they come afterwards.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        import torch  # noqa: F401
        import transformers

        for name in BASE_CLASSES:
            getattr(transformers, name)
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()
