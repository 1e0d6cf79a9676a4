"""ocr_words.yaml -> the labels, legal forms and currencies that the rules look for."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import yaml

WORDS_FILE = Path(__file__).with_name("ocr_words.yaml")
WORDS = yaml.safe_load(WORDS_FILE.read_text("utf-8"))
CURRENCY_CODES = WORDS["signs"] | {code.lower(): code for code in WORDS["codes"]}
LEGAL_FORM_PATTERN = re.compile(
    rf"\w.*(?<!\w)(?:{WORDS['legal_forms']})(?!\w)|^(?:ооо|зао|ао|ип)\W|株式会社", re.I
)
CURRENCY_PATTERN = re.compile(
    rf"(?<![^\W\d])(?:{'|'.join(map(re.escape, CURRENCY_CODES))})(?![^\W\d])", re.I
)


def fold_text(text: str) -> str:
    """Lower case without accents, character for character."""
    return "".join(unicodedata.normalize("NFKD", letter)[0].lower()[0] for letter in text)


def _compile_label_pattern(words: Iterable[str]) -> re.Pattern[str]:
    alternatives = "|".join(words).replace("№", "n").replace(" ", r"[\W_]*")
    return re.compile(rf"(?<![a-zа-я0-9])(?:{alternatives})(?![a-zа-я])")


LABEL_PATTERNS = {
    kind: _compile_label_pattern(words.values()) for kind, words in WORDS["labels"].items()
}
