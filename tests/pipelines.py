"""What a user brings: thirty documents in Cyrillic folders, and a pipeline's JSON for them, three
of them wrong."""

import json
import unicodedata
from pathlib import Path
from typing import Any

from PIL import Image

COUNT = 30
WRONG = {  # document number -> what the pipeline wrote wrongly: keys, value, the truth
    4: (("Итого", "Всего"), "9 999,00 руб.", None),
    11: (("Дата",), "31 декабря 2023 г.", None),
    23: (("Поставщик", "ИНН"), 7707083890, None),
}
INN = (7707083893, 7736050003, 7702070139)  # valid ones, as JSON numbers


def name_of(number: int) -> str:
    """`Счета/2024-03/Счёт №4`: subfolders, ё decomposed for every other one."""
    name = f"Счета/2024-0{number % 3 + 1}/Счёт №{number}"
    return unicodedata.normalize("NFD" if number % 2 else "NFC", name)


def fields_of(number: int) -> dict[str, Any]:
    """The true values of one document, as its pipeline nests and prints them."""
    net, rows = 1000 * number, [500 * number, 500 * number]
    tax = net // 5
    return {
        "Номер": f"СФ-{number:04}",
        "Дата": f"{number % 28 + 1} марта 2024 г.",
        "Договор": "" if number % 2 else None,
        "Поставщик": {"Наименование": "ООО «Ромашка»", "ИНН": INN[number % 3], "confidence": 0.9},
        "Итого": {
            "Без НДС": _money(net),
            "НДС": _money(tax),
            "Всего": _money(net + tax) + " руб.",
            "bbox": [1, 2, 3, 4],
        },
        "Строки": [
            {"Товар": f"Услуга {row}", "Кол-во": 1, "Сумма": _money(amount)}
            for row, amount in enumerate(rows)
        ],
    }


def envelope(number: int, fields: dict[str, Any]) -> dict[str, Any]:
    """What the pipeline puts around the fields."""
    return {
        "status": "ok",
        "file": f"Счёт №{number}.png",
        "processed_at": "2024-04-01T10:00:00",
        "result": {"data": fields},
    }


def with_error(number: int, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with the pipeline's error in them, where it made one."""
    if number in WRONG:
        keys, value, _ = WRONG[number]
        inner = fields
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
    return fields


def write_pipeline(folder: Path) -> None:
    """folder/docs with pictures, folder/output/json with the references, flat: names are unique."""
    for number in range(1, COUNT + 1):
        picture = folder / "docs" / f"{name_of(number)}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (255, 255, number)).save(picture)
        write_json(folder / "output/json", number, with_error(number, fields_of(number)))


def write_json(folder: Path, number: int, fields: dict[str, Any]) -> None:
    """One JSON file of a pipeline, named after its document."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = unicodedata.normalize("NFC", name_of(number).rpartition("/")[2])
    text = json.dumps(envelope(number, fields), ensure_ascii=False)
    (folder / f"{stem}.json").write_text(text, encoding="utf-8")


def _money(value: int) -> str:
    return f"{value:,},00".replace(",", " ", f"{value:,}".count(","))
