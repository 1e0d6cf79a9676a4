"""Answers that were given before: a former run, a JSONL file, or a folder of JSON files named as
documents are.

With a folder, the pipeline that a user has today is a candidate like any other. `model_id` is the
path:

    - {name: today, backend: replay, model_id: ../pipeline/output/json}
    - name: old-run
      backend: replay
      model_id: results/20260102T030405Z
      backend_kwargs: {model: qwen2-vl-2b}

A line of a JSONL file has `document` (or `id`) and `raw_response` (or `prediction`, `pred`); a
record of a run is one. Files of a folder, and a label file for all documents, are read as the
suite's references are: `match`, `unwrap`, `map` and `ignore` apply. Where the fields lie in another
envelope than the references', they are found by their names, or where `backend_kwargs: {unwrap:
result.data}` says.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from vlm_lab.backends import Backend
from vlm_lab.errors import GenerationError, Skip, UserError
from vlm_lab.files import MAX_DATA_BYTES, open_regular_file, read_bounded_text
from vlm_lab.messages import Message, list_first_names
from vlm_lab.records.run_folder import RECORDS_FILE, read_records
from vlm_lab.sanitize import terminal_safe
from vlm_lab.suite.json_values import measure_depth
from vlm_lab.suite.label_files import LABEL_SUFFIXES
from vlm_lab.suite.pages import compute_sha256
from vlm_lab.suite.reference_index import ReferenceIndex
from vlm_lab.suite.references import MAX_DEPTH, read_reference
from vlm_lab.types import Generation, Model, Prompt, Record, Runtime, Suite, Timing, Usage

REPLY_KEYS = ("raw_response", "prediction", "pred")
MAX_FIRST_LINE = 1_000_000  # bytes that are looked at
NUMBER = int | float
MAX_NUMBER = 1e12  # of seconds or tokens


class Replay(Backend):
    """A backend that has no model: a document it has no answer for is skipped, by name."""

    recorded = True

    def __init__(self, model: Model, runtime: Runtime) -> None:
        self.model, self.path = model, find_path(model, runtime)
        if not self.path.exists():
            figures = {"model": model.name, "path": str(self.path)}
            raise Skip(Message("no_replay", figures))
        self.generations: dict[tuple[str | None, str], Generation] | None = None
        if (self.path / RECORDS_FILE).is_file():
            answers = (_convert_record(record) for record in read_records(self.path))
            self.generations = self._collect_generations(answers)
        elif self.path.is_file() and _has_replies(self.path):
            self.generations = self._collect_generations(_read_jsonl(self.path))
        self._reference_indices: dict[Suite, ReferenceIndex] = {}

    @classmethod
    def is_here(cls, model: Model, runtime: Runtime) -> bool:
        return find_path(model, runtime).exists()

    @classmethod
    def identity(cls, model: Model, runtime: Runtime) -> Mapping[str, Any] | None:
        """Files may change between two runs, and reading them costs nothing: never from the
        cache."""
        return None

    def generate(self, prompt: Prompt) -> Generation:
        if self.generations is None:
            return self._replay_file(prompt)
        for prompt_id in (prompt.id, None):
            generation = self.generations.get((prompt_id, prompt.document_id))
            if generation is not None:
                return generation
        figures = {"path": str(self.path), "prompt": prompt.id}
        raise Skip(Message("not_replayed", figures))

    def _replay_file(self, prompt: Prompt) -> Generation:
        if prompt.suite is None:
            raise Skip(Message("replay_without_suite", {"path": str(self.path)}))
        if prompt.suite not in self._reference_indices:
            self._reference_indices[prompt.suite] = ReferenceIndex(
                replace(prompt.suite, references=self.path)
            )
        found = self._reference_indices[prompt.suite].find(prompt.document_name)
        if found is None:
            raise Skip(Message("no_replay_file", {"path": str(self.path)}))
        value, messages = read_reference(found, self._get_suite(prompt.suite), finds_envelope=True)
        if value is None:
            raise GenerationError("BadReply", Message("bad_replay_file", {"messages": messages}))
        return Generation(
            raw_response=json.dumps(value, ensure_ascii=False),
            finish_reason="stop",
            cached=True,
            environment={"replayed": compute_sha256(found.path)},
        )

    def _get_suite(self, suite: Suite) -> Suite:
        """The suite with this candidate's own `unwrap`, where it has one."""
        unwrap = self.model.backend_kwargs.get("unwrap")
        return suite if unwrap is None else replace(suite, unwrap=str(unwrap))

    def _collect_generations(
        self, rows: Iterable[Mapping[str, Any]]
    ) -> dict[tuple[str | None, str], Generation]:
        generations: dict[tuple[str | None, str], Generation] = {}
        for row in filter(self._is_of_source_model, rows):
            document_id = str(row.get("document", row.get("id")))
            prompt_id = row.get("prompt_id")
            key = (prompt_id if isinstance(prompt_id, str) else None), document_id
            generations[key] = _build_generation(row)
        if not generations:
            figures = {"path": str(self.path), "model": self._source_model}
            raise Skip(Message("replay_of_others", figures))
        return generations

    @property
    def _source_model(self) -> str:
        return str(self.model.backend_kwargs.get("model", self.model.name))

    def _is_of_source_model(self, row: Mapping[str, Any]) -> bool:
        """Lines of a JSONL file have no model; a run has several, and cells without an answer."""
        if "model" not in row:
            return True
        return row["model"] == self._source_model and row.get("raw_response") is not None


def find_path(model: Model, runtime: Runtime) -> Path:
    """What `model_id` names: from where one types, else from where models.yaml lies."""
    path = Path(model.model_id)
    return path if path.exists() else runtime.cache.parent / path


def _convert_record(record: Record) -> Mapping[str, Any]:
    """What stands in a record of a run, as a line of a JSONL file says it."""
    return {
        "model": record.model,
        "prompt_id": record.prompt_id,
        "document": record.document,
        "raw_response": record.raw_response,
        "page_responses": record.page_responses,
        "finish_reason": record.finish_reason,
        "usage": asdict(record.usage),
        "timing": asdict(record.timing),
        "mean_logprob": record.mean_logprob,
        "elapsed_seconds": record.elapsed_seconds,
        "measured_at": record.measured_at,
        "environment": record.environment,
    }


def _has_replies(path: Path) -> bool:
    """Whether a file has a reply in its first line; else it is a label file, read as references
    are."""
    if path.suffix.lower() not in LABEL_SUFFIXES:
        return True
    with open_regular_file(path) as file:
        first_line = file.readline(MAX_FIRST_LINE)
    return any(b'"%b"' % key.encode() in first_line for key in REPLY_KEYS)


def _read_jsonl(path: Path) -> Iterator[Mapping[str, Any]]:
    for line_number, line in enumerate(_read_lines(path), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            figures = {"path": str(path), "line": line_number, "said": str(error)}
            raise UserError(Message("replay_not_json", figures)) from None
        except RecursionError:
            figures = {"path": str(path), "line": line_number}
            raise UserError(Message("replay_nested", figures)) from None
        if not isinstance(row, dict):
            found = terminal_safe(line[:40])
            figures = {"path": str(path), "line": line_number, "found": found}
            raise UserError(Message("replay_no_object", figures))
        yield row


def _read_lines(path: Path) -> list[str]:
    """A line ends at a line break alone: U+2028 may stand inside a text."""
    try:
        return read_bounded_text(path, limit=MAX_DATA_BYTES).split("\n")
    except OSError as error:
        reason = Message("replay_not_read", {"path": str(path), "said": error.strerror})
        raise UserError(reason) from None
    except UnicodeDecodeError as error:
        reason = Message("file_not_utf8", {"name": str(path), "byte": error.start})
        raise UserError(reason) from None


def _build_generation(row: Mapping[str, Any]) -> Generation:
    """The reply of a line, with what else it says where that is of the type wanted; keys that are
    not used are named."""
    reply = next((row[key] for key in REPLY_KEYS if key in row), None)
    unused_keys: list[str] = []
    usage = _pick_numbers(row, "usage", Usage, unused_keys)
    timing = _pick_numbers(row, "timing", Timing, unused_keys)
    page_responses = _pick_value(row, "page_responses", list | tuple, unused_keys) or ()
    known_values = {
        "finish_reason": _pick_value(row, "finish_reason", str, unused_keys),
        "mean_logprob": _pick_value(row, "mean_logprob", NUMBER, unused_keys),
        "elapsed_seconds": _pick_value(row, "elapsed_seconds", NUMBER, unused_keys),
        "measured_at": _pick_value(row, "measured_at", str, unused_keys),
        "environment": _pick_value(row, "environment", Mapping, unused_keys) or {},
    }
    names = list_first_names([*map(terminal_safe, unused_keys)])
    return Generation(
        raw_response=reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False),
        page_responses=tuple(map(str, page_responses)),
        usage=Usage(**usage),
        timing=Timing(**timing),
        notes=(Message("unused_keys", {"names": names}),) if unused_keys else (),
        cached=True,
        **known_values,
    )


def _pick_value(row: Mapping[str, Any], key: str, wanted: Any, unused_keys: list[str]) -> Any:
    """The value at `key`; None where there is none or none of use, which is named."""
    value = row.get(key)
    if value is None or _is_usable(value, wanted):
        return value
    unused_keys.append(key)
    return None


def _is_usable(value: Any, wanted: Any) -> bool:
    """Whether a value is of the type wanted, and no number or nesting that nothing was measured
    with."""
    if isinstance(value, bool) or not isinstance(value, wanted):
        return False
    if isinstance(value, NUMBER):
        return 0 <= abs(value) < MAX_NUMBER  # neither NaN nor Infinity
    return measure_depth(value) <= MAX_DEPTH


def _pick_numbers(
    row: Mapping[str, Any], key: str, cls: type[Usage | Timing], unused_keys: list[str]
) -> dict[str, Any]:
    """The numbers that `cls` has a name for; what else stands there is named."""
    values = _pick_value(row, key, Mapping, unused_keys) or {}
    known_names = {field.name for field in fields(cls)}
    numbers = {}
    for name, value in values.items():
        if name in known_names and (value is None or _is_usable(value, NUMBER)):
            numbers[name] = value
        else:
            unused_keys.append(f"{key}.{name}")
    return numbers
