"""References as pipelines, tables and annotation tools write them: `init` reads them, and answers
in plain words score 1.0 against them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vlm_lab import parse, score
from vlm_lab.backends.replay import Replay
from vlm_lab.errors import UserError
from vlm_lab.messages import in_english
from vlm_lab.run.preflight import check_suite
from vlm_lab.scaffold.proposal import propose_suite, write_proposal
from vlm_lab.scaffold.proposed_files import format_notes
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.types import Model, Prompt, Runtime

DOCUMENTS = ("a7.jpg", "b8.jpg", "c9.jpg")
ROWS = [
    {"description": "Pump", "amount": "30.00"},
    {"description": "Hose", "amount": "11.50"},
]
ANSWERS: dict[str, dict[str, Any]] = {
    name: {
        "number": f"T-44{index}",
        "date": f"2025-02-0{index + 1}",
        "seller": {"name": "Torvald & Lund"},
        "total": "41.50",
    }
    for index, name in enumerate(DOCUMENTS)
}
ANSWERS_WITH_ROWS = {name: {**answer, "items": ROWS} for name, answer in ANSWERS.items()}
FLAT_ANSWERS = {
    name: {key: value for key, value in answer.items() if key != "seller"}
    for name, answer in ANSWERS.items()
}


class Project:
    """A folder with small pictures as documents, in which references are yet to be written."""

    def __init__(self, folder: Path, documents: Sequence[str] = DOCUMENTS) -> None:
        self.folder = folder
        for number, name in enumerate(documents):
            path = folder / "docs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (32, 32), (255, 255, number)).save(path)
        (folder / "refs").mkdir()

    def write(self, name: str, content: Any, encoding: str = "utf-8") -> None:
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        (self.folder / "refs" / name).write_bytes(text.encode(encoding))

    def write_each(self, contents: Mapping[str, Any], suffix: str = ".json") -> None:
        for name, content in contents.items():
            self.write(Path(name).stem + suffix, content)

    def init(self, references: str = "refs") -> list[str]:
        """Writes the suite, checks it, and gives the notes that a user sees."""
        suite_folder = self.folder / "own"
        proposal = propose_suite(suite_folder, self.folder / "docs", self.folder / references)
        write_proposal(proposal)
        documents, load_notes = load_documents(load_suite(suite_folder))
        errors, _ = check_suite(documents[0].suite, documents)
        assert errors == ()
        return [*format_notes(proposal), *map(in_english, load_notes)]

    def score(self, answers: Mapping[str, Any] | Path) -> dict[str, Any]:
        """Each document's field_f1 when a pipeline's folder answers so."""
        folder = answers if isinstance(answers, Path) else self.folder / "answers"
        if not isinstance(answers, Path):
            folder.mkdir()
            for name, answer in answers.items():
                (folder / f"{Path(name).stem}.json").write_text(json.dumps(answer), "utf-8")
        documents, _ = load_documents(load_suite(self.folder / "own"))
        backend = Replay(
            Model(name="today", model_id=str(folder), backend="replay"),
            Runtime(cache=self.folder / "cache"),
        )
        scores = {}
        for document in documents:
            prompt = Prompt(
                id="p",
                text="",
                pages=(),
                document_id=document.id,
                document_name=document.name,
                suite=document.suite,
            )
            result = score(parse(backend.generate(prompt)), document)
            wrong = [
                field for field in result.fields if field.outcome not in ("exact", "normalized")
            ]
            assert not wrong or document.reference is None
            scores[document.name] = result.scores.get("field_f1")
        return scores


def records(key: str = "file_name", answers: Mapping[str, Any] = ANSWERS) -> list[dict[str, Any]]:
    return [{key: name, **answer} for name, answer in answers.items()]


def as_csv(delimiter: str) -> str:
    header = ["", "file_name", "number", "date", "seller.name", "total"]
    lines = [header] + [
        [str(row), name, answer["number"], answer["date"], "Torvald & Lund", "41.50"]
        for row, (name, answer) in enumerate(ANSWERS.items())
    ]
    return "\r\n".join(delimiter.join(line) for line in lines) + "\r\n"


def as_columns(by_name: bool) -> dict[str, Any]:
    rows = FLAT_ANSWERS if by_name else dict(enumerate(records(answers=FLAT_ANSWERS)))
    columns = [*next(iter(rows.values()))]
    return {column: {name: row[column] for name, row in rows.items()} for column in columns}


def as_label_studio() -> list[dict[str, Any]]:
    def result(number: int, key: str, text: str) -> list[dict[str, Any]]:
        box = {"x": 1, "y": 2, "width": 3, "height": 4}
        return [
            {"id": f"r{number}", "from_name": "label", "value": {**box, "rectanglelabels": [key]}},
            {"id": f"r{number}", "from_name": "transcription", "value": {**box, "text": [text]}},
        ]

    return [
        {
            "id": 17 + index,
            "data": {"ocr": f"/data/upload/3/0a1b2c3d-{name}"},
            "annotations": [
                {
                    "id": 1,
                    "result": [
                        part
                        for number, (key, text) in enumerate(answer.items())
                        for part in result(number, key, text)
                    ],
                }
            ],
        }
        for index, (name, answer) in enumerate(FLAT_ANSWERS.items())
    ]


def as_cvat_xml() -> str:
    images = [
        f'<image id="{index}" name="scans/{name}" width="32" height="32">'
        + "".join(
            f'<box label="{key}" xtl="1" ytl="2" xbr="3" ybr="4">'
            f'<attribute name="text">{value}</attribute></box>'
            for key, value in answer.items()
        )
        + "</image>"
        for index, (name, answer) in enumerate(FLAT_ANSWERS.items())
    ]
    return (
        f'<?xml version="1.0"?><annotations><version>1.1</version>{"".join(images)}</annotations>'
    )


def as_coco() -> dict[str, Any]:
    keys = ["number", "date", "total"]
    return {
        "images": [{"id": index, "file_name": name} for index, name in enumerate(FLAT_ANSWERS)],
        "categories": [{"id": index, "name": key} for index, key in enumerate(keys)],
        "annotations": [
            {"image_id": image, "category_id": index, "bbox": [1, 2, 3, 4],
             "attributes": {"text": answer[key], "occluded": False}}
            for image, answer in enumerate(FLAT_ANSWERS.values())
            for index, key in enumerate(keys)
        ],
    }  # fmt: skip


HUB_LINES = "\n".join(
    json.dumps({"file_name": name, "ground_truth": json.dumps({"gt_parse": answer})})
    for name, answer in ANSWERS_WITH_ROWS.items()
)
WITHOUT_SUFFIX = {Path(name).stem: answer for name, answer in ANSWERS.items()}
LABEL_FILES: Mapping[str, tuple[str, Any, Mapping[str, Any]]] = {
    "map of names": ("gt.json", ANSWERS_WITH_ROWS, ANSWERS_WITH_ROWS),
    "map of stems": ("gt.json", WITHOUT_SUFFIX, ANSWERS),
    "map of upper-case names": (
        "GT.JSON",
        {name.upper(): answer for name, answer in ANSWERS.items()},
        ANSWERS,
    ),
    "map in an envelope": ("gt.json", {"version": 2, "labels": ANSWERS}, ANSWERS),
    "records": ("gt.json", records(answers=ANSWERS_WITH_ROWS), ANSWERS_WITH_ROWS),
    "records with a path": (
        "gt.json",
        [{**row, "image": f"C:\\scans\\{row['image']}"} for row in records("image")],
        ANSWERS,
    ),
    "records with an address": (
        "gt.json",
        [{**row, "url": f"https://files.example/{row['url']}?v=2"} for row in records("url")],
        ANSWERS,
    ),
    "records with a number": (
        "gt.json",
        [{"id": 100 + row, **record} for row, record in enumerate(records("source"))],
        ANSWERS,
    ),
    "records around an object": (
        "gt.json",
        {"documents": [{"file": name, "fields": answer} for name, answer in ANSWERS.items()]},
        ANSWERS,
    ),
    "JSON lines": ("gt.jsonl", "\n".join(map(json.dumps, records())), ANSWERS),
    "JSON lines named .json": ("gt.json", "\n".join(map(json.dumps, records())), ANSWERS),
    "objects after each other": ("gt.json", "".join(map(json.dumps, records())), ANSWERS),
    "records under numbers": ("gt.json", dict(enumerate(records())), ANSWERS),
    "columns by name": ("gt.json", as_columns(by_name=True), FLAT_ANSWERS),
    "columns by number": ("gt.json", as_columns(by_name=False), FLAT_ANSWERS),
    "split": (
        "gt.json",
        {
            "columns": ["number", "date", "total"],
            "index": [*FLAT_ANSWERS],
            "data": [[*answer.values()] for answer in FLAT_ANSWERS.values()],
        },
        FLAT_ANSWERS,
    ),
    "table": ("gt.json", {"schema": {"fields": []}, "data": records()}, ANSWERS),
    "hub": ("metadata.jsonl", HUB_LINES, ANSWERS_WITH_ROWS),
    "csv": ("gt.csv", as_csv(","), ANSWERS),
    "csv with semicolons": ("GT.CSV", as_csv(";"), ANSWERS),
    "tsv": ("gt.tsv", as_csv("\t"), ANSWERS),
    "csv with objects in cells": (
        "gt.csv",
        "image_path,number,items\n"
        + "".join(
            f"{name},{answer['number']},\"[{{'description': 'Pump', 'amount': '30.00'}}]\"\n"
            for name, answer in ANSWERS.items()
        ),
        {name: {"number": answer["number"], "items": ROWS[:1]} for name, answer in ANSWERS.items()},
    ),
    "Label Studio": ("export.json", as_label_studio(), FLAT_ANSWERS),
    "CVAT": ("annotations.xml", as_cvat_xml(), FLAT_ANSWERS),
    "COCO": ("instances_default.json", as_coco(), FLAT_ANSWERS),
}


@pytest.mark.parametrize("form", LABEL_FILES)
def test_one_file_for_all_documents(tmp_path: Path, form: str) -> None:
    name, content, answers = LABEL_FILES[form]
    project = Project(tmp_path)
    project.write(name, content)
    notes = project.init()
    assert f"matched 3 of 3 documents by the entries of {name}" in notes
    assert project.score(answers) == dict.fromkeys(DOCUMENTS, 1.0)


@pytest.mark.parametrize("form", ["map of names", "csv", "hub"])
def test_a_label_file_may_be_named_itself_and_replayed(tmp_path: Path, form: str) -> None:
    name, content, _ = LABEL_FILES[form]
    project = Project(tmp_path)
    project.write(name, content)
    project.init(f"refs/{name}")
    assert project.score(tmp_path / "refs" / name) == dict.fromkeys(DOCUMENTS, 1.0)


FLAT_STYLES = {
    "brackets": ("items[{n}].{cell}", 0, "seller.name"),
    "dots": ("items.{n}.{cell}", 0, "seller.name"),
    "from one": ("items.{n}.{cell}", 1, "seller.name"),
    "underscores": ("items_{n}_{cell}", 0, "seller_name"),
    "underscores from one": ("items_{n}_{cell}", 1, "seller_name"),
    "slashes": ("items/{n}/{cell}", 0, "seller/name"),
    "pointers": ("/items/{n}/{cell}", 0, "/seller/name"),
    "double underscores": ("items__{n}__{cell}", 0, "seller__name"),
    "form fields": ("items[{n}][{cell}]", 0, "seller[name]"),
    "JSONPath": ("$.items[{n}].{cell}", 0, "$.seller.name"),
    "dashes": ("items-{n}-{cell}", 0, "seller"),
    "colons": ("items:{n}:{cell}", 0, "seller:name"),
}


@pytest.mark.parametrize("style", FLAT_STYLES)
def test_flattened_keys_become_rows(tmp_path: Path, style: str) -> None:
    pattern, first, seller_key = FLAT_STYLES[style]
    root = "/" if pattern.startswith("/") else "$." if pattern.startswith("$") else ""
    flat: dict[str, Any] = {}
    for name, answer in ANSWERS.items():
        flat[name] = {f"{root}number": answer["number"], seller_key: "Torvald & Lund"}
        for row_number, row in enumerate(ROWS, first):
            for cell, value in row.items():
                flat[name][pattern.format(n=row_number, cell=cell)] = value
    project = Project(tmp_path)
    project.write_each(flat)
    project.init()
    is_nested = not seller_key.startswith("seller_n") and seller_key != "seller"
    seller = {"seller": {"name": "Torvald & Lund"}} if is_nested else {seller_key: "Torvald & Lund"}
    nested = {
        name: {"number": answer["number"], **seller, "items": ROWS}
        for name, answer in ANSWERS.items()
    }
    assert project.score(nested) == dict.fromkeys(DOCUMENTS, 1.0)
    assert project.score(tmp_path / "refs") == dict.fromkeys(DOCUMENTS, 1.0)
    schema = json.loads((tmp_path / "own/schema.json").read_text("utf-8"))
    assert schema["properties"]["items"]["items"]["properties"].keys() == ROWS[0].keys()


def test_a_table_is_filled_up_with_rows_that_are_none(tmp_path: Path) -> None:
    project = Project(tmp_path)
    header = "file_name,number,items.0.amount,items.1.amount"
    lines = ["a7.jpg,1,3.00,4.00", "b8.jpg,2,5.00,", "c9.jpg,3,,"]
    project.write("gt.csv", "\n".join([header, *lines]))
    project.init()
    documents, _ = load_documents(load_suite(tmp_path / "own"))
    rows = [document.reference["items"] for document in documents if document.reference]
    assert rows == [[{"amount": "3.00"}, {"amount": "4.00"}], [{"amount": "5.00"}], []]


@pytest.mark.parametrize(
    "keys",
    [
        ("Inv. No.", "Total incl. VAT"),
        ("vat_7_base", "vat_19_base"),
        ("cbc:ID", "cbc:IssueDate"),
        ("IBAN/BIC", "Net/Gross"),
        ("address_line_1", "address_line_2"),
    ],
)
def test_keys_with_signs_of_their_own_stay(tmp_path: Path, keys: tuple[str, str]) -> None:
    project = Project(tmp_path)
    project.write_each({name: dict(zip(keys, "12", strict=True)) for name in DOCUMENTS})
    project.init()
    schema = json.loads((tmp_path / "own/schema.json").read_text("utf-8"))
    assert tuple(schema["properties"]) == keys


def euros(value: str) -> dict[str, str]:
    return {"value": value, "currency": "EUR"}


SHAPES: Mapping[str, Any] = {
    "rows in an object": {"items": {"item": ROWS}},
    "rows in objects": {"items": [{"item": row} for row in ROWS]},
    "rows under numbers": {"items": {"0": ROWS[0], "1": ROWS[1]}},
    "rows under numbered names": {"items": {"row_1": ROWS[0], "row_2": ROWS[1]}},
    "amounts in objects": {
        "total": {"value": 41.5, "currency": "EUR"},
        "items": [{**row, "amount": euros(row["amount"])} for row in ROWS],
    },
    "amounts by name": {"total": {"amount": "41.50", "currency_code": "EUR"}, "items": ROWS},
    "amounts of XML": {"total": {"@currencyID": "EUR", "#text": "41.50"}, "items": ROWS},
    "values with remarks": {
        "total": {"type": "currency", "valueCurrency": {"amount": 41.5, "currencyCode": "EUR"},
                  "content": "41,50", "confidence": 0.9},
        "items": ROWS,
    },
    "an object in a list": {"seller": [{"name": "Torvald & Lund"}], "items": ROWS},
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_wrapped_rows_and_amounts_are_read_plainly(tmp_path: Path, shape: str) -> None:
    project = Project(tmp_path)
    project.write_each({name: {**answer, **SHAPES[shape]} for name, answer in ANSWERS.items()})
    project.init()
    assert project.score(ANSWERS_WITH_ROWS) == dict.fromkeys(DOCUMENTS, 1.0)
    assert project.score(tmp_path / "refs") == dict.fromkeys(DOCUMENTS, 1.0)


def test_what_became_one_value_is_said(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write_each({name: {"number": "1", "total": euros("7.00")} for name in DOCUMENTS})
    note = "a value and its currency or remarks, in one object, are read as one value: total"
    assert note in project.init()


@pytest.mark.parametrize(("list_key", "row_key"), [("items", "item"), ("Zeilen", "Posten")])
def test_xml_leaves_an_object_where_there_is_one_row(
    tmp_path: Path, list_key: str, row_key: str
) -> None:
    rows = dict(zip(DOCUMENTS, (ROWS, ROWS[:1], ROWS), strict=True))
    project = Project(tmp_path)
    project.write_each(
        {
            name: {
                "number": "1",
                list_key: {row_key: rows[name] if len(rows[name]) > 1 else rows[name][0]},
            }
            for name in DOCUMENTS
        }
    )
    project.init()
    answers = {name: {"number": "1", list_key: rows[name]} for name in DOCUMENTS}
    assert project.score(answers) == dict.fromkeys(DOCUMENTS, 1.0)


@pytest.mark.parametrize(
    ("encoding", "word", "said"),
    [
        ("utf-8-sig", "Ünïcøde", None),
        ("utf-16", "Счёт", "utf-16"),
        ("utf-16-le", "Müller", "utf-16-le"),
        ("cp1251", "Накладная «Берёза»", "cp1251"),
        ("koi8-r", "Накладная", "koi8-r"),
        ("cp1250", "Dvořák účtenka", "cp1250"),
        ("cp1250", "Spółka", "cp1250"),
        ("latin-1", "Société Müller", "cp1252"),
        ("cp1254", "Güneş Şirketi", "cp1254"),
    ],
)
def test_other_encodings_are_read_and_said(
    tmp_path: Path, encoding: str, word: str, said: str | None
) -> None:
    project = Project(tmp_path)
    for name, answer in ANSWERS.items():
        project.write(f"{Path(name).stem}.json", {**answer, "title": word}, encoding)
    notes = project.init()
    note = f"3 reference files are not UTF-8, read as {said}: a7.json, b8.json, c9.json"
    assert (note in notes) is bool(said)
    answers = {name: {**answer, "title": word} for name, answer in ANSWERS.items()}
    assert project.score(answers) == dict.fromkeys(DOCUMENTS, 1.0)


def test_names_that_differ_in_case_alone(tmp_path: Path) -> None:
    project = Project(tmp_path, ("Scan_A.PDF.png", "übung_b.png", "c.png"))
    for stem in ("SCAN_A.pdf", "ÜBUNG_B", "c"):
        project.write(f"{stem}.JSON", ANSWERS["a7.jpg"])
    assert "matched 3 of 3 documents by {stem}.json" in project.init()


def test_letters_decide_where_two_files_differ_in_case_alone(tmp_path: Path) -> None:
    project = Project(tmp_path, ("x.jpg", "y.jpg"))
    for name, answer in zip(("x.json", "X.json", "y.json"), ANSWERS.values(), strict=True):
        project.write(name, answer)
    project.init()
    documents, notes = load_documents(load_suite(tmp_path / "own"))
    assert [document.reference["number"] for document in documents if document.reference] == [
        "T-440",
        "T-442",
    ]
    assert "1 reference without document: X.json" in map(in_english, notes)


@pytest.mark.parametrize(
    ("text", "value", "note"),
    [
        ('{"number": "1", "due": NaN}', {"due": None}, "has NaN or Infinity, read as null (1 in"),
        ('{"number": "1", "due": [-Infinity, 1e999]}', None, "read as null (2 in all): b8.json"),
        (
            '{"number": "5", "number": "1"}',
            {"number": "1"},
            "has a key twice in one object, its last value is used: b8.json (number)",
        ),
        ('{"number": "1", "number": "1"}', {"number": "1"}, None),
        (
            '{"number": "1"}\n{"date": "2025-01-01"}',
            {"date": "2025-01-01"},
            "1 reference holds several objects, read as one: b8.json",
        ),
        (
            '[{"number": "1", "items": [{"amount": "1"}]}, {"items": [{"amount": "2"}]}]',
            {"items": [{"amount": "1"}, {"amount": "2"}]},
            "1 reference holds several objects, read as one: b8.json",
        ),
        (
            '{"number": "1"}\n{"number": "2"}',
            None,
            "b8.json: its 2 objects differ in number; its document runs unscored",
        ),
        ('{"number": "1"', None, "b8.json: is not readable JSON"),
        ("", None, "b8.json: is not readable JSON"),
        ('{"number": "\xff\xfe', None, "b8.json: is not readable JSON"),
        ("[]", None, "b8.json: holds no object (got list)"),
        ('{"a":' * 150 + "1" + "}" * 150, None, "b8.json: is nested too deeply to be read"),
        ('{"a":' * 30_000 + "1" + "}" * 30_000, None, "b8.json: is not readable JSON"),
    ],
)
def test_an_odd_reference_costs_its_own_document_alone(
    tmp_path: Path, text: str, value: dict[str, Any] | None, note: str | None
) -> None:
    project = Project(tmp_path)
    fields = {"number": "1", "date": "2025-01-02", "due": "2025-02-02", "items": [{"amount": "3"}]}
    project.write_each(dict.fromkeys(DOCUMENTS, fields))
    project.write("b8.json", text, "latin-1")
    notes = project.init()
    assert any(note in said for said in notes) if note else "b8.json" not in str(notes)
    documents, _ = load_documents(load_suite(tmp_path / "own"))
    sound, odd, other = (document.reference for document in documents)
    assert sound == other == fields
    if value is not None:
        assert odd is not None
        assert odd | value == odd


def test_entries_for_one_document_that_differ_are_refused_by_name(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("gt.json", [*records(), {"file_name": "a7.jpg", "number": "other"}])
    notes = project.init()
    assert "gt.json (a7.jpg): its 2 objects differ in number; its document runs unscored" in notes


def test_a_log_that_names_documents_is_no_label_file(tmp_path: Path) -> None:
    project = Project(tmp_path, (*DOCUMENTS, "d10.jpg"))
    project.write_each(ANSWERS)
    project.write("log.json", [{"file": name, "state": "failed"} for name in ("d10.jpg", "a7.jpg")])
    notes = project.init()
    assert "1 document without reference: d10.jpg; they run unscored" in notes
    assert "1 reference without document: log.json" in notes


def test_a_file_that_names_no_document_is_refused_with_what_to_do(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("gt.csv", "number,total\n1,2\n3,4\n")
    with pytest.raises(UserError, match=r"gt\.csv says nothing .* key file_name"):
        project.init()


def test_a_table_with_several_rows_for_a_document_is_refused(tmp_path: Path) -> None:
    project = Project(tmp_path)
    pairs = [(name, *pair) for name, answer in FLAT_ANSWERS.items() for pair in answer.items()]
    project.write("gt.csv", "file,key,value\n" + "\n".join(map(",".join, pairs)))
    refusal = r"3 references and none can be used.*\(a7.jpg\): its 3 objects differ in key, value"
    with pytest.raises(UserError, match=refusal):
        project.init()


@pytest.mark.parametrize(
    "case", ["case_differs", "cp1251", "ext_json_upper", "flattened", "nan_one", "one_file_map"]
)
def test_references_of_strangers(shared: Path, tmp_path: Path, case: str) -> None:
    folder = shared / "cases/references" / case / "references"
    stems = [path.stem for path in sorted(folder.iterdir())]
    stems = ["d1", "d2", "d3", "d4", "d5"] if stems == ["ground_truth"] else stems
    stems = [stem.lower() for stem in stems] if case == "case_differs" else stems
    project = Project(tmp_path, [f"{stem}.jpg" for stem in stems])
    for path in folder.iterdir():
        (tmp_path / "refs" / path.name).write_bytes(path.read_bytes())
    project.init()
    assert set(project.score(tmp_path / "refs").values()) == {1.0}
