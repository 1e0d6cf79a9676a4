"""Text without JSON -> the pairs in it: nested YAML, or lines of `label: value`.

Values are as they are printed: `no`, `17.10` and `#4471` are texts, and nothing in a text refers to
another part of it.
"""

import re
from typing import Any

import yaml

from vlm_lab.parsing.json_spans import MAX_DEPTH

MAX_LENGTH = 20_000  # characters; no answer in lines is longer
MAX_KEY_LENGTH = 40  # characters of a label in `label: value`
_PAIR = re.compile(r"[\s>*•\-|]*([^\W\d_][\w .\-/()№#']*?)[\s*]*[:=：][\s*]*(\S.*?)[\s*|]*")
_FENCED = re.compile(r"```(?:ya?ml)?[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL | re.IGNORECASE)
# `  - key: value`; what is quoted, a block (`|`, `>`) or a bracket is left to YAML.
_YAML_LINE = re.compile(
    r"(?P<start>[ \t]*(?:- +)*[^\s#:'\"{}\[\]][^:\n{}\[\]]{0,80}:[ ]+)"
    r"(?P<value>[^\s'\"|>{\[][^\n]*|[|>][^\n]{3,})"
)
_YAML_ITEM = re.compile(
    r"(?P<start>[ \t]*(?:- +)+)(?P<value>(?![^\n]*:(?:\s|$))[^\s'\"|>{\[\-][^\n]*)"
)
_NESTED_LINE = re.compile(r"^[ \t]+(?:- +)?[^\s:][^:\n]*:|^- +[^\s:][^:\n]*:", re.MULTILINE)


class _PlainLoader(yaml.BaseLoader):
    """Texts alone; an alias, which could stand for a thousand others, is refused."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        return super().compose_node(parent, index)


def parse_key_values(text: str, cut_off: bool) -> dict[str, Any]:
    """The pairs of a text, nested where its lines are; {} where less than half of it is pairs. Of a
    text that is cut off the last line is left out."""
    if len(text) > MAX_LENGTH:
        return {}
    return _parse_yaml(text, cut_off) or _parse_lines(text, cut_off)


def _parse_yaml(text: str, cut_off: bool) -> dict[str, Any]:
    fenced = _FENCED.search(text)
    body = fenced[1] if fenced else text
    if cut_off:
        body = body.rpartition("\n")[0]
    if not _NESTED_LINE.search(body) or sum(map(body.count, "{[")) > MAX_DEPTH:
        return {}
    lines = body.splitlines()
    if any(len(line) - len(line.lstrip()) > 4 * MAX_DEPTH for line in lines):
        return {}
    for document in ("\n".join(map(_quote_plain_value, lines)), body):
        try:
            value = yaml.load(document, Loader=_PlainLoader)  # noqa: S506 - texts alone
        except (yaml.YAMLError, ValueError, RecursionError):
            continue
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return value
    return {}


def _quote_plain_value(line: str) -> str:
    """A line of YAML whose value keeps its `#`, `:`, `*` and `&`."""
    match = _YAML_LINE.fullmatch(line) or _YAML_ITEM.fullmatch(line)
    if match is None:
        return line
    value = match["value"].rstrip().replace("'", "''")
    return f"{match['start']}'{value}'"


def _parse_lines(text: str, cut_off: bool) -> dict[str, str]:
    """`Seller: PagerDuty Inc.; Total: 12.00` -> its pairs, if at least half of it is pairs."""
    segments = [segment for segment in re.split(r"[\n;]", text) if segment.strip("`*-_ \t\r")]
    whole_segments = segments[:-1] if cut_off else segments
    matches = [_PAIR.fullmatch(segment) for segment in whole_segments if len(segment) < 500]
    pair_matches = [
        match
        for match in matches
        if match and len(match[1]) <= MAX_KEY_LENGTH and len(match[1].split()) <= 5
    ]
    if 2 * len(pair_matches) < len(segments):
        return {}
    # One segment alone is rather a sentence, unless what stands before its colon is short.
    if len(segments) == 1 and pair_matches and len(pair_matches[0][1].split()) > 2:
        return {}
    key_values: dict[str, str] = {}
    for match in pair_matches:
        key_values.setdefault(match[1], match[2])
    return key_values
