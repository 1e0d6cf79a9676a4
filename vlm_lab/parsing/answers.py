"""Objects of a reply -> its answer: which counts where there are several, and what is none.

The last complete object wins over drafts; what comes after it is laid over it as a correction; an
earlier object with other fields is another part of the answer. The schema given back is no answer,
nor is a template in which every value is a placeholder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlm_lab.fields.flattening import unflatten_dotted_keys
from vlm_lab.fields.nothing import says_nothing
from vlm_lab.fields.placeholders import is_placeholder
from vlm_lab.fields.schema import flatten_json
from vlm_lab.parsing.json_extraction import ExtractedJson
from vlm_lab.parsing.merging import merge_values, overlay_values
from vlm_lab.parsing.shapes import fit_to_fields
from vlm_lab.parsing.wrappers import JSON_TYPES
from vlm_lab.types import Field


@dataclass(frozen=True, slots=True)
class Answer:
    """One object, with the characters where the structures that it is made of begin."""

    value: Any
    paths: frozenset[str]
    repaired: bool = False
    truncated: bool = False
    reshaped: bool | None = None
    starts: tuple[int, ...] = ()


def choose_answer(
    candidates: Sequence[ExtractedJson], fields: Sequence[Field] = ()
) -> Answer | None:
    """The answer among a reply's structures; without `fields`, or where no structure has any of
    them, the paths of each are its own. None where no structure is an answer."""
    said = [each for each in candidates if not is_no_answer(each.value)]
    if fields:
        fitted = [_fit_candidate(each, fields) for each in said]
        known = [answer for answer in fitted if answer.paths]
        if known:
            return _combine_answers(known, complete=True)
    described = [_describe_candidate(each) for each in said]
    objects = [answer for answer in described if isinstance(answer.value, Mapping)]
    return _combine_answers(objects, complete=False) if objects else None


def is_no_answer(value: Any) -> bool:
    """Whether a structure gives back what was asked instead of answering it."""
    return is_schema_echo(value) or is_template(value)


def is_template(value: Any) -> bool:
    """Whether placeholders are all that an object says."""
    has_placeholder = False
    for _, leaf in flatten_json(value):
        for item in leaf if isinstance(leaf, list) else [leaf]:
            if is_placeholder(item):
                has_placeholder = True
            elif not says_nothing(item):
                return False
    return has_placeholder


def _fit_candidate(candidate: ExtractedJson, fields: Sequence[Field]) -> Answer:
    value = unflatten_dotted_keys(candidate.value)
    fitted = fit_to_fields(value, fields)
    return Answer(
        fitted.value,
        fitted.paths,
        candidate.repaired,
        candidate.truncated,
        fitted.reshaped,
        (candidate.start,),
    )


def _describe_candidate(candidate: ExtractedJson) -> Answer:
    """A candidate by its own paths; a list of one object is that one."""
    value = candidate.value
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    value = unflatten_dotted_keys(value)
    paths = frozenset(path for path, _ in flatten_json(value)) if isinstance(value, Mapping) else ()
    return Answer(
        value,
        frozenset(paths),
        candidate.repaired,
        candidate.truncated,
        starts=(candidate.start,),
    )


def _combine_answers(answers: Sequence[Answer], complete: bool) -> Answer:
    """The last of those with the most paths, closed ones first, under later corrections; where the
    paths are a schema's (`complete`), earlier parts with other paths are added."""
    ranks = [(len(answer.paths), not answer.truncated) for answer in answers]
    base_index = len(ranks) - 1 - ranks[::-1].index(max(ranks))
    combined = answers[base_index]
    for correction in answers[base_index + 1 :]:
        is_about_it = complete or correction.paths & combined.paths
        if is_about_it and not correction.truncated:
            value = overlay_values(combined.value, correction.value)
            combined = _join(combined, correction, value)
    for part in answers[:base_index] if complete else ():
        if not part.paths & combined.paths:
            combined = _join(combined, part, merge_values(combined.value, part.value))
    return combined


def _join(first: Answer, second: Answer, value: Any) -> Answer:
    return Answer(
        value,
        first.paths | second.paths,
        first.repaired or second.repaired,
        first.truncated,
        first.reshaped or second.reshaped,
        (*first.starts, *second.starts),
    )


def is_schema_echo(value: Any) -> bool:
    """Whether an object is a JSON Schema, or fields with their types instead of values."""
    if not isinstance(value, Mapping) or not value:
        return False
    fields = value.get("properties", value)
    if not isinstance(fields, Mapping) or not fields:
        return False
    return all(_is_schema(field) for field in fields.values())


def _is_schema(value: Any) -> bool:
    return isinstance(value, Mapping) and (
        "$ref" in value or "anyOf" in value or _is_json_type(value.get("type"))
    )


def _is_json_type(declared: Any) -> bool:
    names = declared if isinstance(declared, list) else [declared]
    return all(name in JSON_TYPES for name in names)
