"""A checkpoint's processor, without torchvision where only videos need it.

Stands alone: workers get its source, and `vlm-lab export` copies it as it stands. Valid on Python
3.9.
"""

from types import SimpleNamespace
from typing import Any


def load_processor(source: Any, class_name: str, **settings: Any) -> Any:
    """The processor of `source`, a folder or a name of the hub, whose files name its class. Raises
    what transformers raises."""
    import transformers

    library: Any = transformers
    try:
        return library.AutoProcessor.from_pretrained(source, **settings)
    except (ImportError, ValueError) as error:
        processor_class: Any = getattr(library, class_name, None)
        if "orchvision" not in str(error) or processor_class is None:
            raise
    return make_images_only_class(processor_class).from_pretrained(source, **settings)


def make_images_only_class(processor_class: Any) -> Any:
    """A model's own processor class without its video half, the only one that needs torchvision.

    transformers loads the parts that `get_attributes` names and hands them over in the order of
    `__init__`: the class is the model's own, one part is None (transformers #48558).
    """
    attributes = processor_class.get_attributes()
    video_index = attributes.index("video_processor")

    class ImagesOnly(processor_class):  # type: ignore[misc]
        # SmolVLM's template asks for both.
        video_processor = SimpleNamespace(num_frames=None, fps=None)

        @classmethod
        def get_attributes(cls) -> list[str]:
            return [name for name in attributes if name != "video_processor"]

        @classmethod
        def from_args_and_dict(cls, args: Any, *more_args: Any, **kwargs: Any) -> Any:
            args = [*args[:video_index], None, *args[video_index:]]
            return super().from_args_and_dict(args, *more_args, **kwargs)

    ImagesOnly.__name__ = processor_class.__name__
    return ImagesOnly
