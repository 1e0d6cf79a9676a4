"""The folder that is handed over answers as the suite did, and is refused where it could not."""

import base64
import io
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw

from tests.case_records import lines, record
from tests.checkpoints import NANO
from tests.runs import describe_run
from tests.servers import Step, completion, serving
from tests.suites import REFERENCE, write_suite
from vlm_lab.analysis.statistics import summarize_records
from vlm_lab.backends.candidate import Candidate
from vlm_lab.backends.openai.backend import build_request
from vlm_lab.backends.openai.settings import load_server_settings
from vlm_lab.cli import main
from vlm_lab.errors import UserError
from vlm_lab.export import find_candidate, write_export
from vlm_lab.export.folder import README_TEMPLATE
from vlm_lab.export.requirements import render_requirements
from vlm_lab.export.templates.pages import render_pages
from vlm_lab.messages import Message
from vlm_lab.records.report_json import read_report, write_report
from vlm_lab.records.run_folder import read_records
from vlm_lab.run.finalize import describe_suite
from vlm_lab.suite import load_documents, load_suite, make_prompt
from vlm_lab.suite.pages import Pages
from vlm_lab.types import (
    CandidateKey,
    Decision,
    Document,
    Model,
    PageText,
    Reading,
    Report,
    Runtime,
)

PROJECT = Path(__file__).parents[2]
DECISION = Decision(
    suite="invoices",
    model="m",
    prompt_id="default",
    verdict="chosen",
    reasons={
        "evidence": (Message("limit", {"name": "field_f1", "value": 0.981, "rule": 0.95}),),
        "against": (Message("unverified"),),
    },
)


def project(folder: Path) -> Document:
    """A suite under `benchmarks/` with one page that has words on it."""
    suite = load_suite(write_suite(folder / "benchmarks" / "invoices", {"inv_1": REFERENCE}))
    (document,), _ = load_documents(suite)
    image = Image.new("RGB", (300, 400), "white")
    ImageDraw.Draw(image).text((40, 60), "Invoice A-17   Total 119.00 EUR", fill="black")
    image.save(document.path)
    return document


def run_of(folder: Path, model: Model, document: Document, **answer: Any) -> Path:
    """A finished run of one answer."""
    text = make_prompt(model, document.suite.prompts["default"], "default", document, None).text
    kwargs = {
        "generation_kwargs": dict(model.generation_kwargs),
        "model": model.name,
        "prompt": text,
        **answer,
    }
    run = folder / "results" / "20260102T030405Z"
    run.mkdir(parents=True)
    row = record(document.id, {"a": "exact"}, **kwargs)
    (run / "records.jsonl").write_bytes(lines([row]))
    options = {"project": str(folder), "cache": str(folder / "cache"), "seed": 0}
    summaries = summarize_records(
        [row], [model], {CandidateKey("invoices", model.name, "default"): [document.id]}
    )
    report = Report(
        run={**describe_run(run.name), "options": options},
        suites=[describe_suite(document.suite, [document])],
        models=[model],
        prompts=[],
        summaries=summaries,
        decisions=[DECISION],
    )
    write_report(run / "report.json", report, [row])
    return run


def read(folder: Path, document: Path, python: str = sys.executable) -> str:
    """What the handed-over script prints after the folder was carried away, started from an empty
    folder in a process that cannot see this package."""
    place = folder.parent / "elsewhere"
    carried = place / "reader"
    shutil.copytree(folder, carried)
    (carried / "vlm_lab.py").write_text("raise ImportError('not here')")
    empty = place / "empty"
    empty.mkdir()
    done = subprocess.run(
        [python, "-I", str(carried / "read_invoice.py"), str(document)],
        cwd=empty,
        env={"PATH": os.environ["PATH"], "HOME": str(empty), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_carries_nothing_of_this_machine(folder: Path, *more_paths: Path) -> None:
    """No file that was written names a path of this machine, its user or its name."""
    places = [PROJECT, Path.home(), Path(sys.prefix), Path(tempfile.gettempdir()), *more_paths]
    words = [str(place) for place in places] + [platform.node()]
    for path in folder.iterdir():
        if path.is_file():
            text = path.read_text("utf-8")
            assert [word for word in words if len(word) > 1 and word in text] == [], path.name


def export_loaded(
    tmp_path: Path, checkpoint_folder: Path, document: Document, **kwargs: Any
) -> tuple[Path, str]:
    """The exported folder of a model that was asked about one document, and its reply."""
    model = Model(
        name="m",
        model_id=str(checkpoint_folder),
        generation_kwargs={"max_new_tokens": 200, **kwargs},
    )
    candidate = Candidate(model, Runtime(tmp_path / "cache", device="cpu"))
    try:
        said = candidate.generate(
            make_prompt(model, document.suite.prompts["default"], "default", document, None)
        )
    finally:
        candidate.close()
    run = run_of(
        tmp_path,
        model,
        document,
        raw_response=said.raw_response,
        environment=dict(said.environment),
    )
    exported = find_candidate(read_report(run), read_records(run), "m")
    return write_export(exported, tmp_path / "out"), said.raw_response or ""


@pytest.mark.slow
@pytest.mark.parametrize("family", ["llava", "paligemma"])
def test_the_script_answers_as_the_suite_did(
    family: str, tmp_path: Path, checkpoint: Callable[[str], Path]
) -> None:
    document = project(tmp_path)
    folder, reply = export_loaded(tmp_path, checkpoint(family), document, max_new_tokens=12)
    assert read(folder, document.path) == f"{reply}\n"


@pytest.mark.slow
def test_the_model_that_ships_reads_an_invoice_where_it_was_carried(tmp_path: Path) -> None:
    """Its class wants torchvision for videos, which is not installed; its weights go along."""
    slip, document = find_slip(tmp_path)
    folder, reply = export_loaded(tmp_path, NANO, document)
    assert json.loads(reply)["totals"]["gross"] == "950.12"
    check_carries_nothing_of_this_machine(folder, tmp_path)
    assert read(folder, slip) == f"{reply}\n"
    help_time = time.perf_counter()
    help_text = ask_for_help(folder)
    assert time.perf_counter() - help_time < 1, "torch alone takes longer"
    assert "INVOICE" in help_text


def find_slip(folder: Path) -> tuple[Path, Document]:
    """A sample that the small model reads, as the only document of a suite of its own."""
    slip = PROJECT / "benchmarks" / "invoices" / "documents" / "slips" / "slip 02.png"
    suite_folder = folder / "benchmarks" / "invoices"
    shutil.copytree(PROJECT / "benchmarks" / "invoices", suite_folder)
    documents, _ = load_documents(load_suite(suite_folder))
    return slip, next(document for document in documents if document.path.name == slip.name)


def ask_for_help(folder: Path) -> str:
    """Of a Python without torch and pages' libraries: one that sees no installed package."""
    command = [sys.executable, "-I", "-S", str(folder / "read_invoice.py"), "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.engines
def test_requirements_make_an_environment_in_which_the_scripts_start(tmp_path: Path) -> None:
    """Both scripts, in environments that have what their requirements.txt names and no more."""
    slip, document = find_slip(tmp_path)
    folder, reply = export_loaded(tmp_path, NANO, document)
    assert read(folder, slip, make_environment(folder)) == f"{reply}\n"
    with serving(Step(completion('{"currency": "GBP"}'))) as running:
        model = server(running.url.removesuffix("/v1"))
        (tmp_path / "served").mkdir()
        run = run_of(tmp_path / "served", model, document)
        exported = find_candidate(
            read_report(run), read_records(run), "m", folder=document.suite.folder
        )
        served_folder = write_export(exported, tmp_path / "served" / "out")
        python = make_environment(served_folder)
        assert read(served_folder, slip, python) == '{"currency": "GBP"}\n'


def test_a_prompt_that_shows_text_of_pages_stays_here(tmp_path: Path) -> None:
    document = project(tmp_path)
    run = run_of(tmp_path, server("http://127.0.0.1:1"), document)
    page_text = PageText(text="Total", readings=(Reading(reader="eyes"),))
    records = [replace(record, page_text=page_text) for record in read_records(run)]
    with pytest.raises(UserError, match="shows text that eyes reads from the pages"):
        find_candidate(read_report(run), records, "m")


def make_environment(folder: Path) -> str:
    """A fresh interpreter with what the folder's requirements.txt names."""
    environment = folder.parent / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = str(environment / "bin" / "python")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    requirements = ["--requirement", str(folder / "requirements.txt")]
    installed = subprocess.run([*pip, *requirements], capture_output=True, text=True)
    if installed.returncode:
        pytest.skip(f"no package index here: {installed.stderr.strip()[-200:]}")
    return python


def server(url: str, **kwargs: Any) -> Model:
    settings = {
        "base_url": f"{url}/v1",
        "response_format": "json_schema",
        "stream": True,
        "logprobs": True,
    }
    return Model(name="m", model_id="served/m", backend="openai", backend_kwargs=settings, **kwargs)


@pytest.mark.parametrize("variables", [{}, {"template": "{{ prompt }}"}])
def test_the_script_asks_a_server_as_the_suite_does(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    document = project(tmp_path)
    answer = json.dumps(
        {"choices": [{"message": {"content": '{"invoice_number": "A-17"}'}}]}
    ).encode()
    with serving(Step(answer)) as running:
        model = server(
            running.url.removesuffix("/v1"),
            generation_kwargs={"max_new_tokens": 9, "temperature": 0.0},
            chat_template_kwargs=variables,
        )
        run = run_of(tmp_path, model, document)
        folder = write_export(
            find_candidate(read_report(run), read_records(run), "m"), tmp_path / "out"
        )
        check_carries_nothing_of_this_machine(folder, tmp_path)
        assert "INVOICE" in ask_for_help(folder)
        assert read(folder, document.path) == '{"invoice_number": "A-17"}\n'
    prompt = make_prompt(model, document.suite.prompts["default"], "default", document, None)
    ours = build_request(
        model,
        Runtime(tmp_path / "cache"),
        replace(load_server_settings(model), image="png"),
        prompt,
    )
    expected = {
        key: value
        for key, value in ours.items()
        if key not in ("stream", "stream_options", "logprobs")
    }
    assert _unpacked(running.asked[0]) == _unpacked(expected)


def test_a_model_that_is_asked_page_by_page_is_asked_so(tmp_path: Path) -> None:
    document = project(tmp_path)
    page = Image.new("RGB", (40, 60), "white")
    page.save(document.path, "TIFF", save_all=True, append_images=[page, page])
    with serving(
        Step(json.dumps({"choices": [{"message": {"content": "{}"}}]}).encode())
    ) as running:
        model = server(running.url.removesuffix("/v1"), pages="each")
        run = run_of(tmp_path, model, document)
        folder = write_export(
            find_candidate(read_report(run), read_records(run), "m"), tmp_path / "out"
        )
        assert read(folder, document.path) == "{}\n" * 3
    assert [
        [part["type"] for part in each["messages"][0]["content"]] for each in running.asked
    ] == [["image_url", "text"]] * 3


def _unpacked(body: Mapping[str, Any]) -> Any:
    """The body with its picture as pixels: PNG files of the same pixels may be packed otherwise."""
    data = (
        body["messages"][0]["content"][0]["image_url"]
        .pop("url")
        .removeprefix("data:image/png;base64,")
    )
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return body, image.tobytes()


def documents(folder: Path) -> Iterator[Path]:
    """Files that are easily read otherwise: two pages, transparency, a rotated photo, a palette."""
    page = Image.new("RGB", (60, 40), "white")
    page.paste((200, 0, 0), (0, 0, 20, 20))
    page.save(folder / "a.pdf", save_all=True, append_images=[page.rotate(90, expand=True)])
    page.save(folder / "b.tiff", save_all=True, append_images=[page.rotate(90, expand=True)])
    clear = page.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(page.size))
    clear.save(folder / "c.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    page.save(folder / "d.jpg", exif=exif)
    page.quantize(4).save(folder / "e.png", transparency=0)
    yield from sorted(folder.iterdir())


@pytest.mark.parametrize("most", [1, 4])
def test_pages_are_those_that_the_suite_measured(tmp_path: Path, most: int) -> None:
    for path in documents(tmp_path):
        wanted = [page.image for page in Pages(path, most, 110)]
        found = render_pages(path, most, 110)
        assert len(wanted) == (min(most, 2) if path.suffix in (".pdf", ".tiff") else 1)
        assert [image.size for image in found] == [image.size for image in wanted], path.name
        assert [image.mode for image in found] == ["RGB"] * len(wanted)
        differences = [
            max(high for _, high in ImageChops.difference(*pair).getextrema())
            for pair in zip(found, wanted, strict=True)
        ]
        assert max(differences) <= 1, path.name  # the two round half a shade otherwise


def test_requirements_are_pinned_to_what_was_measured_and_what_it_brings(tmp_path: Path) -> None:
    for name, version, requires in (
        ("torch", "2.13.0+cpu", ("sympy>=1.13", "nvidia-x==1; platform_system == 'Linux'")),
        ("Sympy", "1.14", ("mpmath<2,>=1.1", "ruff; extra == 'lint'")),
        ("mpmath", "1.3", ()),
        ("nvidia-x", "1", ("cuda-y; python_version > '3'", "mpmath")),
        ("cuda-y", "2", ()),
        ("ruff", "1", ()),
        ("pillow", "13.0.0", ("moved-on>=1",)),
        ("moved_on", "9", ()),
        ("accelerate", "1.0", ()),
    ):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        lines = [f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {text}" for text in requires]
        (folder / "METADATA").write_text("\n".join(lines))
    text = render_requirements(
        ("torch", "pillow", "absent"),
        ("accelerate", "bitsandbytes"),
        [str(tmp_path)],
        {"torch": "2.13.0+cpu", "pillow": "12.0.0"},
        "3.11.7",
    )
    assert text.splitlines() == [
        "# For Python 3.11.7: what was installed where this candidate was measured.",
        "accelerate==1.0",
        "cuda-y==2; (platform_system == 'Linux') and (python_version > '3')",
        "mpmath==1.3",
        "nvidia-x==1; platform_system == 'Linux'",
        "pillow==12.0.0",
        "sympy==1.14",
        "torch==2.13.0",
    ]


@pytest.mark.parametrize(
    ("base_path", "status", "says"),
    [("/v1", 200, "{}"), ("", 200, "{}"), ("/v1", 500, "/v1/chat/completions: 500"),
     ("/v1", None, "http://127.0.0.1:9/v1 in settings.json: ")],
)  # fmt: skip
def test_a_server_is_found_or_named(
    tmp_path: Path, base_path: str, status: int | None, says: str
) -> None:
    document = project(tmp_path)
    with serving(Step(completion(), status=status or 200)) as running:
        address = running.url.removesuffix("/v1") + base_path if status else "http://127.0.0.1:9/v1"
        run = run_of(tmp_path, server(address.removesuffix("/v1")), document)
        folder = write_export(
            find_candidate(read_report(run), read_records(run), "m"), tmp_path / "out"
        )
        settings = json.loads((folder / "settings.json").read_text())
        settings["base_url"] = address
        (folder / "settings.json").write_text(json.dumps(settings))
        command = [sys.executable, "-I", str(folder / "read_invoice.py"), str(document.path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert says in (done.stdout if status == 200 else done.stderr)
    assert done.returncode == (0 if status == 200 else 1)
    assert "Traceback" not in done.stderr


def test_a_model_of_an_older_transformers_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = project(tmp_path)
    model = Model(name="m", model_id=str(NANO), python="envs/old/bin/python")
    run = run_of(tmp_path, model, document, environment={"transformers": "4.40.2"})
    assert export(run, "--output", str(tmp_path / "out")) == 2
    assert "measured with transformers 4.40.2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"backend_kwargs": {"response_format": "json_schema"}}, "were held to a schema"),
        ({"adapter": "lora"}, "was measured with an adapter"),
    ],
)
def test_what_the_script_cannot_do_as_it_was_measured_is_refused(
    tmp_path: Path, settings: dict[str, Any], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = project(tmp_path)
    run = run_of(tmp_path, Model(name="m", model_id=str(NANO), **settings), document)
    assert export(run, "--output", str(tmp_path / "out")) == 2
    assert says in capsys.readouterr().err


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_of(tmp_path, server("http://127.0.0.1:9"), project(tmp_path))


def export(run: Path, *more: str) -> int:
    return main.main(["export", run.name, "--output-dir", str(run.parent), "--model", "m", *more])


def test_the_folder_says_why_and_how(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(run, "--output", str(tmp_path / "out")) == 0
    hint = capsys.readouterr().out.splitlines()[0].partition("try it: ")[2]
    assert hint == shlex.join([sys.executable, f"{tmp_path}/out/read_invoice.py"]) + " FILE"
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "chosen" in readme
    assert "For it: field_f1 0.981" in readme
    assert "Against it: nobody has checked" in readme
    assert "references that nobody has checked" in readme
    assert len(README_TEMPLATE.splitlines()) <= 12
    assert json.loads((tmp_path / "out" / "schema.json").read_text())["properties"][
        "invoice_number"
    ]
    settings = json.loads((tmp_path / "out" / "settings.json").read_text())
    assert (settings["pages"], settings["dpi"], settings["page_by_page"]) == (4, 150, False)


def test_a_folder_with_something_in_it_stays_as_it_is(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    assert export(run, "--output", str(tmp_path / "out")) == 2
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_schema_that_changed_since_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = tmp_path / "benchmarks" / "invoices" / "schema.json"
    schema.write_text(schema.read_text().replace("decimal", "date"))
    assert export(run, "--output", str(tmp_path / "out")) == 2
    assert "not the one that the run measured" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--model", "other"), "no model 'other' in the run; it has m"),
        (("--prompt", "terse"), "no answer of it with prompt 'terse'"),
        (("--suite", "elsewhere"), "measured on invoices; say which suite"),
    ],
)
def test_what_was_not_measured_cannot_be_handed_over(
    run: Path, more: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(run, *more) == 2
    assert says in capsys.readouterr().err


def test_other_backends_are_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = project(tmp_path)
    assert export(run_of(tmp_path, Model(name="m", model_id="x", backend="ocr"), document)) == 2
    assert (
        "backend 'ocr' cannot leave this package; transformers and openai can"
        in capsys.readouterr().err
    )
