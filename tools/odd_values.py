"""Texts, values and bytes that a program did not expect, and the changes that put them into sound
ones, by a generator of random numbers.
"""

import json
import random
from typing import Any

import yaml

from tools.fuzz_documents import MUTATIONS

# What a text may be made of that somebody's program did not expect.
ODD_TEXTS = (
    *("\x00", "\x1b[31m", "\u202e", "\ud800", "\ufeff", "\u2028", "\r", "\ufffd", "💥", "٣", "½"),
    *(
        '"',
        "'",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\\",
        "\\u",
        "\\ud83d",
        "&a",
        "*a",
        "<<: *a",
        "!!int",
    ),
    *("NaN", "Infinity", "1e999", "-0", "0x" + "f" * 5000, "9" * 5000, "1" * 300, "null", "~"),
    *("[" * 3000, '{"a":' * 3000, "- " * 500, "{{", "}}", "{%", "%}", "{{ 1/0 }}", "{#"),
    *("{{ 9**9**9 }}", "{% for i in range(99999999) %}x{% endfor %}", "{stem:>99999999}"),
    *("../../x", "/dev/zero", "/dev/stdin", "con", "a" * 5000, "é" * 300, "2024-13-45", "1:60"),
    *("!!timestamp x", "!!python/object:os.system", "os:system", "builtins:print", "#/properties"),
    *("```json", "<think>", "</think>", "|---|", "<table><tr><td>", "\t", "\n\n\n", "  "),
)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**70, 1e308, float("nan"), float("inf"), "", " ", [], {}, [[]]),
    *([{}], [None], {"": None}, {"a.b": [1]}, [1, "a", {}], "\ud800", "x" * 20_000, ["x"] * 2000),
    *([["a"], ["b"]], {"$ref": "#"}, {"anyOf": 5}, {"value": 1, "currency": "EUR"}, 10**400),
)


def mutate_text(rng: random.Random, text: str) -> str:
    """The text after one to four changes."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.randint(0, len(text))
        end = place + rng.choice((0, 0, 1, 5, 50))
        piece = rng.choice(ODD_TEXTS) * rng.choice((1, 1, 1, 2, 50))
        change = rng.randrange(5)
        if change == 0:
            text = text[:place] + text[end:]
        elif change == 1:
            text = text[:place] + text[place : end + 100] * rng.choice((2, 200)) + text[end:]
        else:
            text = text[:place] + piece[:200_000] + text[end:]
    return text


def mutate_json(rng: random.Random, value: Any) -> bytes:
    """JSON of the value after changes of its nodes, its text or its bytes."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.randint(0, 3)):
        change_node(rng, value)
    text = json.dumps(value, ensure_ascii=rng.random() < 0.7)
    if rng.random() < 0.4:
        text = mutate_text(rng, text)
    return encode(rng, text)


def mutate_yaml(rng: random.Random, text: str) -> bytes:
    """The YAML after changes of its text, or of its values."""
    if rng.random() < 0.4:
        return encode(rng, mutate_text(rng, text))
    value = yaml.safe_load(text)
    for _ in range(rng.choice((1, 1, 2))):
        change_node(rng, value)
    try:
        return encode(rng, yaml.safe_dump(value, allow_unicode=rng.random() < 0.5))
    except (yaml.YAMLError, ValueError, RecursionError):
        return encode(rng, mutate_text(rng, text))


def change_node(rng: random.Random, value: Any) -> None:
    """Puts an odd value, or the value itself, at a place somewhere in it."""
    node = value
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(node[key], dict | list) and node[key] and rng.random() < 0.7:
            node = node[key]
            continue
        odd = rng.choice(ODD_VALUES) if rng.random() < 0.8 else rng.choice(ODD_TEXTS)
        odd = json.loads(json.dumps(odd)) if rng.random() < 0.9 else nest(odd, rng)
        if isinstance(node, dict) and rng.random() < 0.2:
            node[rng.choice(ODD_TEXTS)] = odd
        else:
            node[key] = odd
        return


def nest(value: Any, rng: random.Random) -> Any:
    for _ in range(rng.choice((5, 90, 300))):
        value = rng.choice(([value], {"a": value}))
    return value


def encode(rng: random.Random, text: str) -> bytes:
    """The text's bytes: UTF-8, another encoding, or UTF-8 after some changes of its bytes."""
    choice = rng.random()
    if choice < 0.7:
        return text.encode("utf-8", "surrogatepass")
    if choice < 0.85:
        encoding = rng.choice(("utf-16", "utf-8-sig", "cp1251", "latin-1", "utf-32", "cp1252"))
        return text.encode(encoding, "replace")
    data = text.encode("utf-8", "replace")
    return mutate_bytes(rng, data, [data or b" "])


def mutate_bytes(rng: random.Random, data: bytes, sources: list[bytes]) -> bytes:
    changed = bytearray(data or b" ")
    for _ in range(rng.randint(1, 6)):
        rng.choice(MUTATIONS)(rng, changed, sources)
    return bytes(changed)
