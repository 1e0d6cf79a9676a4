"""Whether a value says nothing: null, empty, or the words that people, pipelines and models write
where a page shows nothing (`n/a`, `-`, `нет`, `keine Angabe`).

The one list for both sides, references and replies. It is read without case and the marks around a
word, so that `N/A` and `(n/a).` are one entry. A bare "no" is not in it: as an answer it says
something. `nan` and its kin are what pandas and others write.
"""

import re
from functools import lru_cache
from math import isfinite
from typing import Any

from vlm_lab.fields.folding import fold_text

MAX_LENGTH = 40  # characters; no entry is longer
WORDS_FOR_NOTHING = (
    # programs
    "null, nil, none, nan, nat, undefined, void, empty, blank, missing, tbd"
    # English
    ", n/a, n.a., na, not available, not applicable, not found, not given, not present"
    ", not provided, not specified, not stated, not mentioned, not shown, not visible"
    ", not indicated, not listed, no data, no information, no value, unknown"
    ", unspecified, unavailable"
    # German, Dutch
    ", keine, keiner, keines, kein, keine angabe, keine angaben, k.a., o.a., nicht angegeben"
    ", nicht vorhanden, nicht verfügbar, nicht gefunden, unbekannt, entfällt, ohne angabe, fehlt"
    ", geen, niet vermeld, niet van toepassing, n.v.t., niet beschikbaar, niet gevonden, onbekend"
    # French, Spanish, Portuguese, Italian, Romanian
    ", aucun, aucune, néant, non disponible, non spécifié, non indiqué, non renseigné, inconnu"
    ", non applicable, sans objet, n.d., s.o., n.c., ninguno, ninguna, ningún, no disponible"
    ", no especificado, no consta, no aplica, no indicado, sin datos, desconocido, nenhum, nenhuma"
    ", não informado, não disponível, não consta, não aplicável, não especificado, desconhecido"
    ", nessuno, nessuna, nessun dato, non presente, non specificato, sconosciuto, assente"
    ", non disponibile, non indicato, niciunul, nespecificat, indisponibil, necunoscut"
    # Russian, Ukrainian, Bulgarian
    ", нет, нет данных, не указано, не указан, не указана, не указаны, отсутствует, неизвестно"
    ", не найдено, не применимо, не определено, н/д, немає, нема, немає даних, не вказано"
    ", не вказана, не вказаний, відсутній, відсутня, відсутнє, невідомо, няма, няма данни"
    ", не е посочено, липсва"
    # Polish, Czech, Slovak, Hungarian, Turkish, Greek
    ", brak, brak danych, nie podano, nie dotyczy, nieznany, žádný, žádná, žádné, není"
    ", není uvedeno, neuvedeno, neuvedené, nie je, nie je uvedené, neznámé"
    ", nincs, nincs adat, ismeretlen, nem található, yok, bulunamadı, belirtilmemiş, mevcut değil"
    ", bilinmiyor, δεν υπάρχει, καμία, άγνωστο, δ/υ"
    # Danish, Norwegian, Swedish, Finnish
    ", ingen, intet, ikke angivet, ikke oppgitt, ukendt, ukjent, inget, inga, ej angivet, saknas"
    ", okänd, ei ole, ei saatavilla, ei tiedossa, tuntematon, puuttuu"
    # Chinese, Japanese, Korean, Vietnamese, Thai
    ", 无, 無, 没有, 沒有, 未提供, 未知, 不详, 不詳, 不适用, 不適用, 未注明, 未显示, なし"
    ", 無し, 不明, 該当なし, 記載なし, ナシ, 없음, 해당없음, 알수없음, 정보없음"
    ", không, không có, không rõ, ไม่มี, ไม่ระบุ"
    # Arabic, Hebrew, Persian
    ", لا يوجد, غير متوفر, غير محدد, غير معروف, غير مذكور, אין, לא צוין, לא ידוע, לא זמין"
    ", ندارد, نامشخص, موجود نیست"
)
_NOTHING_BUT_MARKS = re.compile(r"[-\u2010-\u2015\u2212\u30fc_\s]+|[.…]{2,}|…|/|\?+")


def is_null(value: Any) -> bool:
    """Whether a value is empty as data: null, "", spaces, [], and a number that is none (NaN)."""
    if isinstance(value, float):
        return not isfinite(value)
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def says_nothing(value: Any) -> bool:
    """Whether a value is empty, or one of the words for that, or a list of nothing else."""
    if is_null(value):
        return True
    if isinstance(value, list):
        return all(is_null(item) or _is_word(item) for item in value)
    return _is_word(value)


def _is_word(value: Any) -> bool:
    if not isinstance(value, str) or len(value) > MAX_LENGTH:
        return False
    return _is_word_for_nothing(value)


@lru_cache(maxsize=1024)
def _is_word_for_nothing(value: str) -> bool:
    plain = fold_text(value).strip()
    if _NOTHING_BUT_MARKS.fullmatch(plain):
        return True
    return _reduce_word(plain) in _REDUCED_WORDS


def _reduce_word(text: str) -> str:
    """The word without case, what is around it (`(n/a)`, `"none".`), and spaces at its marks (`k.
    A.`). Its own marks stay: `n.d.` says nothing, `ND` is North Dakota."""
    reduced = " ".join(text.casefold().split()).strip("()[]{}<>\"'*#_!.,:; -")
    return re.sub(r" ?([./]) ?", r"\1", reduced)


_REDUCED_WORDS = frozenset(_reduce_word(word) for word in WORDS_FOR_NOTHING.split(", "))
