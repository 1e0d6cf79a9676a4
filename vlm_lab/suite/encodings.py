"""Bytes of a text file -> its text, and the encoding that it was read in.

A byte order mark says it; then UTF-8 is tried, UTF-16 without a mark, and the one-byte encodings of
Windows and DOS. Nearly all bytes are letters in each of these, so the one wins in which most of the
letters belong to one language and stand in words as people write them.
"""

import codecs
import re

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
UTF8_NAMES = ("utf-8", "utf-8-sig")
GERMAN = "äöüß"
RUSSIAN = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
# The letters beyond ASCII of the languages that are written in an encoding; of two that fit alike
# the first is taken.
ALPHABETS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("cp1252", (GERMAN + "é", GERMAN + "éèêëàâçîïôùûœæ", "áéíóúüñ", "áéíóúâêôãõàç", "àèéìòù")),
    ("cp1252", (GERMAN + "åæøé", "éëïèêöüáó")),
    ("cp1254", ("çğıiöşüâî",)),
    ("cp1250", (GERMAN + "ąćęłńóśźż", GERMAN + "áčďéěíňóřšťúůýž", GERMAN + "áäčďéíĺľňóôŕšťúýž")),
    ("cp1250", (GERMAN + "áéíóúőű", GERMAN + "čćđšž", GERMAN + "ăâîşţ")),
    ("cp1251", (RUSSIAN, RUSSIAN + "іїєґ", RUSSIAN + "іў", RUSSIAN + "ђјљњћџ")),
    ("cp1257", ("āčēģīķļņšūž", "ąčęėįšųūž", "äöõüšž")),
    ("koi8-r", (RUSSIAN,)),
    ("cp866", (RUSSIAN,)),
)
WORD = re.compile(r"[^\W\d_]+")
SIGNS = frozenset("€£§°«»„“”’‘–—…·№©®™²³½¼¾º \u00a0")  # printed beside words in any language
MAX_JUDGED_BYTES = 200_000


def decode_text(data: bytes) -> tuple[str, str]:
    """(text, name of its encoding). UnicodeDecodeError where it is UTF-8 with broken places: no
    other encoding would make sense of the rest."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding), encoding
    if b"\0" in data[:200]:
        encoding = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
        return data.decode(encoding), encoding
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        if _is_damaged_utf8(data):
            raise
    encoding = _choose_one_byte_encoding(data)
    return data.decode(encoding), encoding


def _is_damaged_utf8(data: bytes) -> bool:
    """More letters of several bytes than places that are none."""
    text = data[:MAX_JUDGED_BYTES].decode("utf-8", "replace")
    broken_count = text.count("\ufffd")
    return sum(character > "\x7f" for character in text) - broken_count > broken_count


def _choose_one_byte_encoding(data: bytes) -> str:
    """The encoding with most plausible letters; latin-1, which knows all bytes, where none can be
    read."""
    best_encoding, best_points = "latin-1", float("-inf")
    for encoding, alphabets in ALPHABETS:
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        text = data[:MAX_JUDGED_BYTES].decode(encoding)
        points = max(_rate_text(text, alphabet) for alphabet in alphabets)
        if points > best_points:
            best_encoding, best_points = encoding, points
    return best_encoding


def _rate_text(text: str, alphabet: str) -> float:
    """Letters of the alphabet in well-formed words; what is neither letter nor sign counts
    against."""
    points = 0.0
    for word in WORD.findall(text):
        points += _rate_word(word, frozenset(alphabet))
    for character in text:
        if character > "\x7f" and not character.isalpha():
            points -= 0 if character in SIGNS else 2
    return points


def _rate_word(word: str, alphabet: frozenset[str]) -> float:
    foreign_letters = [letter for letter in word if letter > "\x7f"]
    if not foreign_letters:
        return 0
    is_mixed = "я" in alphabet and len(foreign_letters) < len(word)
    if is_mixed or not (word[1:].islower() or word.isupper() or len(word) == 1):
        return -len(foreign_letters)
    known_count = sum(letter.lower() in alphabet for letter in foreign_letters)
    return known_count - 0.5 * (len(foreign_letters) - known_count)
