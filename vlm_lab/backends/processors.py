"""A checkpoint's processor, with the settings of models.yaml, and without torchvision where only videos need it.

Runs inside the worker, perhaps in another interpreter: valid on Python 3.9.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from vlm_lab.backends import families


def load(folder: Path, settings: dict[str, Any]) -> Any:
    """The processor of a checkpoint. `size` is set on it afterwards: the min_pixels and max_pixels of a checkpoint's
    own file would win over one that is handed in. Raises what transformers raises."""
    settings = dict(settings)
    size = settings.pop("size", None)
    processor = _find(folder, local_files_only=True, **settings)
    if size:
        images = processor.image_processor
        images.size = type(images.size)(**size)
    return processor


def _find(folder: Path, **settings: Any) -> Any:
    import transformers

    library: Any = transformers
    try:
        return library.AutoProcessor.from_pretrained(folder, **settings)
    except (ImportError, ValueError) as error:
        own: Any = getattr(library, families.processor_class(folder), None)
        if "orchvision" not in str(error) or own is None:
            raise
    return without_video(own).from_pretrained(folder, **settings)


def without_video(own: Any) -> Any:
    """A model's own processor class without its video half, the only one that needs torchvision.

    transformers loads the parts that `get_attributes` names and hands them over in the order of `__init__`: the class
    is the model's own, one part is None (transformers #48558).
    """
    parts = own.get_attributes()
    place = parts.index("video_processor")

    class ImagesOnly(own):  # type: ignore[misc]
        video_processor = SimpleNamespace(num_frames=None, fps=None)  # SmolVLM's template asks for both

        @classmethod
        def get_attributes(cls) -> list[str]:
            return [part for part in parts if part != "video_processor"]

        @classmethod
        def from_args_and_dict(cls, args: Any, *others: Any, **kwargs: Any) -> Any:
            return super().from_args_and_dict([*args[:place], None, *args[place:]], *others, **kwargs)

    ImagesOnly.__name__ = own.__name__
    return ImagesOnly
