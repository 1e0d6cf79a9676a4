"""The files of a checkpoint's folder: which are missing, and which are not what they should be.

In: a folder. Out: names of missing files, and a Message on each file that is here and not whole: a
pointer of Git LFS, a copy that broke off, an empty shard, an index that does not fit, settings that
are no JSON, an adapter without its base. Sizes are held against the headers of the safetensors
files, so no weights are read, and neither torch nor transformers is needed.

A file that is no safetensors file at all is left to the worker, whose library says what it found.
"""

import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from vlm_lab.backends.transformers.safetensors_header import identify_file, read_header
from vlm_lab.files import read_json_object
from vlm_lab.messages import Message, list_first_names

INDEX_FILES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
# What is looked for and what is called missing, for safetensors and for pickles.
WEIGHTS_FILES = (("*.safetensors", "model.safetensors"), ("*.bin", "pytorch_model.bin"))
SHARD_PATTERN = re.compile(r".+-\d{5}-of-\d{5}\.(safetensors|bin)")
VOCABULARY_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tekken.json",
)
SETTINGS_FILES = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "chat_template.json",
    "tokenizer_config.json",
    "tokenizer.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
)
PLAIN_FILES = ("tokenizer.model", "spiece.model", "merges.txt", "vocab.txt")
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
LFS_POINTER_START = b"version https://git-lfs.github.com/spec/"
ZIP_START = b"PK\x03\x04"  # of torch's own files, whose table of contents stands at the end
# A copy that broke off may have its full length already: what was not written is zeros.
TAIL_BYTES = 65_536
LFS_POINTER = "lfs_pointer"
ADAPTER_KINDS = ("adapter_alone", "adapter_beside")


def find_missing_files(folder: Path, uses_pickles: bool) -> Iterator[str]:
    """Names of files that are needed and not there; a link of the hub's cache into nothing is not
    there."""
    if not (folder / "config.json").is_file():
        yield "config.json"
    index_path = folder / INDEX_FILES[uses_pickles]
    if index_path.is_file():
        shard_names = sorted(set(read_weight_map(index_path).values())) or [index_path.name]
        yield from (name for name in shard_names if not (folder / name).is_file())
    else:
        file_names = list_weights_files(folder, uses_pickles)
        if any(map(SHARD_PATTERN.fullmatch, file_names)):
            yield index_path.name
        elif not file_names:
            yield WEIGHTS_FILES[uses_pickles][1]
    if not any((folder / name).is_file() for name in VOCABULARY_FILES) and not _has_own_code(
        folder
    ):
        yield VOCABULARY_FILES[0]


def _has_own_code(folder: Path) -> bool:
    """Whether code beside the weights reads files of its own."""
    names = ("config.json", "tokenizer_config.json")
    return any(read_json_object(folder / name).get("auto_map") for name in names)


def find_damage(folder: Path, uses_pickles: bool) -> Iterator[Message]:
    """A sentence for each file that is here and not whole, the ones that say most first; its
    figures name the `file`."""
    if adapter := describe_adapter(folder, uses_pickles):
        yield adapter
    settings_files = (*SETTINGS_FILES, INDEX_FILES[uses_pickles])
    other_files = (*PLAIN_FILES, *list_weights_files(folder, uses_pickles))
    yield from find_file_complaints(folder, (*settings_files, *other_files))
    yield from _compare_with_index(folder, folder / INDEX_FILES[uses_pickles])
    yield from _find_unscaled_weights(folder, uses_pickles)


def find_file_complaints(folder: Path, names: Iterable[str]) -> Iterator[Message]:
    """A sentence for each of these files that is here and not whole."""
    for name in names:
        find_complaint = (
            _find_settings_complaint if name.endswith(".json") else _find_file_complaint
        )
        if complaint := find_complaint(folder / name):
            yield complaint


def list_weights_files(folder: Path, uses_pickles: bool) -> list[str]:
    """Names of the files that are here and may hold the model's weights; no adapter's."""
    pattern = WEIGHTS_FILES[uses_pickles][0]
    names = [path.name for path in folder.glob(pattern) if path.is_file()]
    return sorted(name for name in names if name not in ADAPTER_FILES)


def describe_adapter(folder: Path, uses_pickles: bool) -> Message | None:
    """What is said of a folder with an adapter in it; None where there is none. Beside a base's
    weights it is no better: without the package peft, transformers leaves it out."""
    adapter_names = [name for name in ADAPTER_FILES if (folder / name).is_file()]
    if not adapter_names:
        return None
    base = read_json_object(folder / ADAPTER_FILES[0]).get("base_model_name_or_path")
    kind = ADAPTER_KINDS[bool(list_weights_files(folder, uses_pickles))]
    figures = {"file": adapter_names[0], "base": str(base) if base else Message("unnamed_base")}
    return Message(kind, figures)


def read_weight_map(index_path: Path) -> dict[str, str]:
    """The file of each tensor by an index; {} where it has none."""
    weight_map = read_json_object(index_path).get("weight_map")
    if not isinstance(weight_map, dict):
        return {}
    return {str(tensor): str(name) for tensor, name in weight_map.items()}


def find_unreadable_files(folder: Path) -> list[str]:
    """The safetensors files that have no header."""
    names = list_weights_files(folder, uses_pickles=False)
    return [name for name in names if read_header(folder / name) is None]


def _compare_with_index(folder: Path, index_path: Path) -> Iterator[Message]:
    tensors_by_file: dict[str, list[str]] = {}
    for tensor, file_name in read_weight_map(index_path).items():
        tensors_by_file.setdefault(file_name, []).append(tensor)
    for file_name, tensors in sorted(tensors_by_file.items()):
        path = folder / file_name
        header = None
        if path.suffix == ".safetensors" and path.is_file():
            header = read_header(path)
        if header is None:
            continue
        absent = [tensor for tensor in tensors if tensor not in header.tensor_names]
        if absent:
            figures = {"names": list_first_names(absent), "index": index_path.name}
            yield Message("file_lacks_weights", {"file": file_name, **figures})


def _find_unscaled_weights(folder: Path, uses_pickles: bool) -> Iterator[Message]:
    """Quantized weights of which config.json does not say how they were: as numbers they are
    nonsense."""
    if uses_pickles or "quantization_config" in read_json_object(folder / "config.json"):
        return
    for name in list_weights_files(folder, uses_pickles):
        header = read_header(folder / name)
        if header and header.byte_tensors:
            figures = {"file": name, "names": list_first_names(header.byte_tensors)}
            yield Message("file_of_bytes", figures)


def _find_settings_complaint(path: Path) -> Message | None:
    if not path.is_file():
        return None
    return _find_file_complaint(path) or _find_json_complaint(*identify_file(path))


def _find_file_complaint(path: Path) -> Message | None:
    """What is wrong with a file by its first bytes and its size; None where nothing is."""
    if not path.is_file():
        return None
    byte_count = path.stat().st_size
    figures: dict[str, Any] = {"file": path.name, "size": byte_count}
    with path.open("rb") as file:
        start = file.read(len(LFS_POINTER_START))
    if start == LFS_POINTER_START:
        return Message(LFS_POINTER, figures)
    if not byte_count:
        return Message("file_empty", figures)
    if start.startswith(ZIP_START) and not zipfile.is_zipfile(path):
        return Message("file_broken_off", figures)
    header = read_header(path) if path.suffix == ".safetensors" else None
    if header is None:
        return None
    if byte_count != header.byte_count:
        kind = "file_too_short" if byte_count < header.byte_count else "file_too_long"
        return Message(kind, {**figures, "wanted": header.byte_count})
    if not header.tensor_names:
        return Message("file_without_weights", figures)
    return Message("file_ends_in_zeros", figures) if _ends_in_zeros(path, byte_count) else None


def _ends_in_zeros(path: Path, byte_count: int) -> bool:
    if byte_count <= 2 * TAIL_BYTES:
        return False
    with path.open("rb") as file:
        file.seek(-TAIL_BYTES, os.SEEK_END)
        return not any(file.read())


@lru_cache(maxsize=1024)
def _find_json_complaint(path: Path, byte_count: int, changed: int) -> Message | None:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())[:100]
        return Message("file_not_json", {"file": path.name, "said": said})
    if isinstance(value, dict):
        return None
    return Message("file_no_object", {"file": path.name, "type": type(value).__name__})
