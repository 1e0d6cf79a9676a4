"""A checkpoint's processor, without torchvision where only videos need it.

Stands alone: workers get its source, and `vlm-lab export` copies it as it stands. Valid on Python
3.9.
"""

from types import SimpleNamespace
from typing import Any

# What templates (SmolVLM) and processors (MiniCPM-V) ask of a video half, videos or not.
VIDEO_SETTINGS = ("num_frames", "fps", "slice_mode", "downsample_mode")


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
    `__init__`: the class is the model's own, one part is None (transformers #48558), and the part
    is left out where the model's own `__init__` passes all of them on.
    """
    from transformers import ProcessorMixin

    attributes = processor_class.get_attributes()
    video_index = attributes.index("video_processor")

    class WithoutVideo(ProcessorMixin):
        def __init__(self, *parts: Any, **named_parts: Any) -> None:
            named_parts.pop("video_processor", None)
            super_init: Any = super().__init__
            super_init(*parts[:video_index], *parts[video_index + 1 :], **named_parts)

    class ImagesOnly(processor_class, WithoutVideo):  # type: ignore[misc]
        video_processor = SimpleNamespace(**dict.fromkeys(VIDEO_SETTINGS))

        @classmethod
        def get_attributes(cls) -> list[str]:
            return [name for name in attributes if name != "video_processor"]

        @classmethod
        def from_args_and_dict(cls, args: Any, *more_args: Any, **kwargs: Any) -> Any:
            args = [*args[:video_index], None, *args[video_index:]]
            return super().from_args_and_dict(args, *more_args, **kwargs)

    ImagesOnly.__name__ = processor_class.__name__
    return ImagesOnly
