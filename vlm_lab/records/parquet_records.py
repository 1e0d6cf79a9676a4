"""Records <-> Parquet files in a run's folder: what a run over many machines leaves.

    results/20260102T030405Z/records/000001.parquet   some hundred records, whole or not there

In: records, in blocks as they come. Out: the same records, exactly. The schema is that of
records.jsonl: a column a key of `Record`; texts, numbers and flags as themselves, what is nested as
the JSON that stands in records.jsonl. `exact` is the whole line of a record that these columns
cannot hold (half a character from a hostile reply), null everywhere else.

A file may be somebody else's: its groups of rows are read one at a time, of at most 64 MiB.
"""

import json
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, get_args, get_origin, get_type_hints

from vlm_lab.commands import format_install_command
from vlm_lab.errors import UserError
from vlm_lab.files import (
    MAX_DATA_BYTES,
    atomic_private_file,
    make_private_folder,
    open_regular_file,
)
from vlm_lab.records.record_head import RecordHead
from vlm_lab.records.record_lines import (
    check_names,
    decode_record,
    describe_error,
    encode_record,
)
from vlm_lab.sanitize import is_utf8, replace_surrogates
from vlm_lab.type_adapters import get_adapter
from vlm_lab.types import CaseKey, Record

PARQUET_FOLDER = "records"
EXACT = "exact"
GROUP_ROWS = 256
CACHED_GROUPS = 16  # a run that was gone on with is read from several files in turns
SCALARS = {str: "string", bool: "bool_", int: "int64", float: "float64"}
INT64 = range(-(2**63), 2**63)


class _Position(NamedTuple):
    path: Path
    group: int
    row: int


def import_pyarrow() -> Any:
    """pyarrow with its part for Parquet. UserError where the extra `ray` is not installed."""
    try:
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise UserError(
            "records in Parquet are read and written with pyarrow, which is not installed here:"
            f" {format_install_command('ray')}"
        ) from None
    return pyarrow


def has_parquet(folder: Path) -> bool:
    """Whether the run's records are in Parquet files."""
    return (folder / PARQUET_FOLDER).is_dir()


@cache
def list_scalar_columns() -> dict[str, str]:
    """The keys of a record that are one value, each with the name of its type in Arrow."""
    types_by_key = get_type_hints(Record)
    columns = {key: _name_scalar(types_by_key[key]) for key in Record.__dataclass_fields__}
    return {key: name for key, name in columns.items() if name}


def _name_scalar(hint: Any) -> str:
    """`string` of `str`, `str | None` and a Literal of texts; "" of what is nested."""
    if get_origin(hint) is types.UnionType:
        (hint,) = [part for part in get_args(hint) if part is not types.NoneType]
    if get_origin(hint) is Literal:
        hint = str
    return SCALARS.get(hint, "")


@cache
def build_schema() -> Any:
    """Arrow's schema of a file of records."""
    arrow, scalars = import_pyarrow(), list_scalar_columns()
    keys = (*Record.__dataclass_fields__, EXACT)
    return arrow.schema([(key, getattr(arrow, scalars.get(key, "string"))()) for key in keys])


def build_table(records: Iterable[Record]) -> Any:
    """The records as rows, in their order."""
    rows = [_build_row(record) for record in records]
    return import_pyarrow().Table.from_pylist(rows, schema=build_schema())


def _build_row(record: Record) -> dict[str, Any]:
    line = encode_record(record)
    values: dict[str, Any] = json.loads(line)
    scalars = list_scalar_columns()
    row = {
        key: value if key in scalars or value is None else json.dumps(value)
        for key, value in values.items()
    }
    if all(map(_fits_column, row.values())):
        return row
    row = {key: value if _fits_column(value) else _fit(value) for key, value in row.items()}
    return {**row, EXACT: line.decode()}


def _fits_column(value: Any) -> bool:
    if isinstance(value, str):
        return is_utf8(value)
    return not isinstance(value, int) or value in INT64


def _fit(value: Any) -> Any:
    return replace_surrogates(value) if isinstance(value, str) else None


def write_table(folder: Path, table: Any) -> Path:
    """Writes rows as the run's next file: it is there whole, and on the disk, when this returns."""
    arrow, files = import_pyarrow(), list_files(folder)
    number = int(files[-1].stem) + 1 if files else 1
    path = folder / PARQUET_FOLDER / f"{number:06}.parquet"
    make_private_folder(path.parent, folder)
    with atomic_private_file(path, durable=True) as file:
        arrow.parquet.write_table(table, file, row_group_size=GROUP_ROWS, compression="zstd")
    return path


def list_files(folder: Path) -> list[Path]:
    """A run's files, in the order in which they were written."""
    paths = (folder / PARQUET_FOLDER).glob("*.parquet")
    return sorted(
        (path for path in paths if path.stem.isdecimal()), key=lambda path: int(path.stem)
    )


def read_heads(folder: Path) -> Iterator[RecordHead]:
    """Whose the records are, in the order of the files, also of answers that later ones
    replaced."""
    for head, _ in _read_positions(folder):
        yield head


def read_records(folder: Path, order: Sequence[CaseKey] | None = None) -> Iterator[Record]:
    """The cases of a run, as `run_folder.read_records` says it of the other form."""
    positions = {head.key: position for head, position in _read_positions(folder)}
    read_group = lru_cache(CACHED_GROUPS)(partial(_read_group, columns=None))
    for key in positions if order is None else order:
        if key in positions:
            path, group, row = positions[key]
            yield decode_row(read_group(path, group)[row], path, row)


def decode_row(row: dict[str, Any], path: Path, number: int) -> Record:
    """The record of one row of `path`. UserError where it is none of this version."""
    if row.get(EXACT):
        return decode_record(row[EXACT].encode(), path, number)
    scalars = list_scalar_columns()
    try:
        values = {
            key: value if key in scalars or value is None else json.loads(value)
            for key, value in row.items()
            if key != EXACT
        }
        record = get_adapter(Record).validate_python(values)
        check_names(record.key)
        return record
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(
            f"{path}: row {number} is no record of this version ({describe_error(error)});"
            " run the benchmark again"
        ) from None


def remove_records(folder: Path, is_removed: Callable[[RecordHead], bool]) -> None:
    """Writes the files that have records of some cases anew, without them."""
    removed_rows: dict[Path, set[tuple[int, int]]] = {}
    for head, position in _read_positions(folder):
        if is_removed(head):
            removed_rows.setdefault(position.path, set()).add((position.group, position.row))
    for path, removed in removed_rows.items():
        with _open_file(path) as source, atomic_private_file(path, True) as file:
            _copy_rows(source, file, removed)


def _copy_rows(source: Any, file: BinaryIO, removed: set[tuple[int, int]]) -> None:
    arrow = import_pyarrow()
    with arrow.parquet.ParquetWriter(file, source.schema_arrow, compression="zstd") as writer:
        for number in range(source.num_row_groups):
            group = source.read_row_group(number)
            is_kept = [(number, row) not in removed for row in range(len(group))]
            writer.write_table(group.filter(arrow.array(is_kept, arrow.bool_())))


def _read_positions(folder: Path) -> Iterator[tuple[RecordHead, _Position]]:
    columns = tuple(RecordHead.__dataclass_fields__)
    for path in list_files(folder):
        for group in range(_count_groups(path)):
            for row, values in enumerate(_read_group(path, group, columns)):
                yield _build_head(values, path), _Position(path, group, row)


def _build_head(values: dict[str, Any], path: Path) -> RecordHead:
    try:
        page_text = values["page_text"] and json.loads(values["page_text"])
        head = RecordHead(**{**values, "page_text": page_text})
        check_names(head.key)
        return head
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise _make_unreadable_error(path, error) from None


def _count_groups(path: Path) -> int:
    with _open_file(path) as file:
        return int(file.num_row_groups)


def _read_group(path: Path, group: int, columns: Sequence[str] | None) -> list[dict[str, Any]]:
    """The rows of one group. UserError where a program of ours would not write so much in one."""
    with _open_file(path) as file:
        if file.metadata.row_group(group).total_byte_size > MAX_DATA_BYTES:
            raise ValueError(f"a group of rows has more than {MAX_DATA_BYTES:,} bytes")
        rows: list[dict[str, Any]] = file.read_row_group(group, columns).to_pylist()
        return rows


@contextmanager
def _open_file(path: Path) -> Iterator[Any]:
    """pyarrow's ParquetFile. UserError where it is none, or cannot be read."""
    arrow = import_pyarrow()
    try:
        with open_regular_file(path) as source, arrow.parquet.ParquetFile(source) as file:
            yield file
    except (OSError, ValueError, arrow.ArrowException) as error:
        raise _make_unreadable_error(path, error) from None


def _make_unreadable_error(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: is no file of records of this version ({describe_error(error)})")
