"""The files of a checkpoint's folder: which are missing, and which are not what they should be.

In: a folder. Out: names of missing files, and sentences on files that are here and not whole: a
pointer of Git LFS, a copy that broke off, an empty shard, an index that does not fit, settings that
are no JSON, an adapter without its base. Sizes are held against the headers of the safetensors
files, so no weights are read, and neither torch nor transformers is needed.

A file that is no safetensors file at all is left to the worker, whose library says what it found.
"""

import json
import os
import re
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from vlm_lab.backends.transformers.safetensors_header import identify_file, read_header
from vlm_lab.files import read_json_object

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
SHOWN_NAMES = 3


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


def find_damage(folder: Path, uses_pickles: bool) -> Iterator[str]:
    """A sentence for each file that is here and not whole, the ones that say most first."""
    if adapter := describe_adapter(folder, uses_pickles):
        yield adapter
    for name in (*SETTINGS_FILES, INDEX_FILES[uses_pickles]):
        if complaint := _find_settings_complaint(folder / name):
            yield f"{name} {complaint}"
    for name in (*PLAIN_FILES, *list_weights_files(folder, uses_pickles)):
        if complaint := _find_file_complaint(folder / name):
            yield f"{name} {complaint}"
    yield from _compare_with_index(folder, folder / INDEX_FILES[uses_pickles])
    yield from _find_unscaled_weights(folder, uses_pickles)


def list_weights_files(folder: Path, uses_pickles: bool) -> list[str]:
    """Names of the files that are here and may hold the model's weights; no adapter's."""
    pattern = WEIGHTS_FILES[uses_pickles][0]
    names = [path.name for path in folder.glob(pattern) if path.is_file()]
    return sorted(name for name in names if name not in ADAPTER_FILES)


def describe_adapter(folder: Path, uses_pickles: bool) -> str:
    """What is said of a folder with an adapter in it; "" where there is none. Beside a base's
    weights it is no better: without the package peft, transformers leaves it out."""
    adapter_names = [name for name in ADAPTER_FILES if (folder / name).is_file()]
    if not adapter_names:
        return ""
    base = read_json_object(folder / ADAPTER_FILES[0]).get("base_model_name_or_path")
    base_name = str(base) if base else "a model that it does not name"
    where = "beside the weights" if list_weights_files(folder, uses_pickles) else "without its base"
    return f"{adapter_names[0]} is an adapter of {base_name} {where}, which is not loaded"


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


def _compare_with_index(folder: Path, index_path: Path) -> Iterator[str]:
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
            yield f"{file_name} lacks {list_names(absent)}, which {index_path.name} says are in it"


def _find_unscaled_weights(folder: Path, uses_pickles: bool) -> Iterator[str]:
    """Quantized weights of which config.json does not say how they were: as numbers they are
    nonsense."""
    if uses_pickles or "quantization_config" in read_json_object(folder / "config.json"):
        return
    for name in list_weights_files(folder, uses_pickles):
        header = read_header(folder / name)
        if header and header.byte_tensors:
            yield (
                f"{name} holds bytes in place of weights ({list_names([*header.byte_tensors])}), "
                "and config.json has no quantization_config"
            )


def _find_settings_complaint(path: Path) -> str:
    if not path.is_file():
        return ""
    return _find_file_complaint(path) or _find_json_complaint(*identify_file(path))


def _find_file_complaint(path: Path) -> str:
    """What is wrong with a file by its first bytes and its size; "" where nothing is."""
    if not path.is_file():
        return ""
    byte_count = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(len(LFS_POINTER_START))
    if start == LFS_POINTER_START:
        return "is a pointer of Git LFS, not the file itself"
    if not byte_count:
        return "is empty"
    if start.startswith(ZIP_START) and not zipfile.is_zipfile(path):
        return f"has {byte_count:,} bytes and breaks off: it is an archive without its end"
    header = read_header(path) if path.suffix == ".safetensors" else None
    if header is None:
        return ""
    if byte_count < header.byte_count:
        return f"has {byte_count:,} of the {header.byte_count:,} bytes that its header promises"
    if byte_count > header.byte_count:
        return f"has {byte_count:,} bytes, its header knows of {header.byte_count:,}"
    if not header.tensor_names:
        return "holds no weights"
    return "ends in zeros, as a copy that broke off" if _ends_in_zeros(path, byte_count) else ""


def _ends_in_zeros(path: Path, byte_count: int) -> bool:
    if byte_count <= 2 * TAIL_BYTES:
        return False
    with path.open("rb") as file:
        file.seek(-TAIL_BYTES, os.SEEK_END)
        return not any(file.read())


@lru_cache(maxsize=1024)
def _find_json_complaint(path: Path, byte_count: int, changed: int) -> str:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return f"is not JSON ({' '.join(str(error).split())[:100]})"
    return "" if isinstance(value, dict) else f"holds no JSON object (got {type(value).__name__})"


def list_names(names: list[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:SHOWN_NAMES])
    hidden_count = len(names) - SHOWN_NAMES
    return f"{shown} and {hidden_count} more" if hidden_count > 0 else shown
