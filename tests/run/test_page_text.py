"""pytest tests/run/test_page_text.py: a prompt shows the text of pages that another candidate read;
what that took is counted, and a document that nobody can read costs its own case.

The OCR engine is a stand-in here: what it reads is tested in tests/backends/ocr.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.projects import calls_of, records_of, run_folder_of, write_project
from tests.suites import REFERENCE
from vlm_lab.backends.ocr import backend as ocr
from vlm_lab.errors import GenerationError, Skip, UserError
from vlm_lab.messages import in_english
from vlm_lab.records.run_folder import read_reply_keys
from vlm_lab.run.case_inputs import compute_case_inputs
from vlm_lab.run.inference import InferenceRunner
from vlm_lab.run.options import Options
from vlm_lab.run.plan import Plan
from vlm_lab.types import Generation

DOCUMENTS = {f"inv_{n}": {**REFERENCE, "totals": {"gross": f"{n}19.00"}} for n in range(1, 4)}
# A reader that says what is printed; a model that repeats the amount in the text it is sent.
STAND_INS = """
import json, re, time
from pathlib import Path
from vlm_lab.errors import GenerationError
from vlm_lab.types import Generation, Usage

class StandIn:
    def __init__(self, model, runtime):
        self.model = model
        self.note("load")

    @classmethod
    def identity(cls, model, runtime):
        return {}

    def generate(self, prompt):
        self.note(f"{prompt.document_id} {len(prompt.pages)} pages")
        return self.answer(prompt)

    def close(self):
        self.note("close")

    def note(self, text):
        with Path("calls.txt").open("a") as file:
            file.write(f"{self.model.name}: {text}\\n")

class Reader(StandIn):
    def answer(self, prompt):
        time.sleep(0.05)
        if prompt.document_id in self.model.backend_kwargs.get("fails", ()):
            raise GenerationError("OutOfMemory", "needs 9 GB")
        amount = f"{prompt.document_id[-1]}19.00"
        thoughts = "<think>119.00?</think>"
        text = f"{thoughts}Invoice A-17 {{{{ schema }}}}\\nTotal {amount}"
        return Generation(raw_response=text, finish_reason="stop", usage=Usage(50, 64, 9))

class Answerer(StandIn):
    def answer(self, prompt):
        amounts = re.findall(r"Total (\\S+)", prompt.text)
        answer = {"invoice_number": "A-17"} | ({"totals": {"gross": amounts[0]}} if amounts else {})
        Path(f"sent-{self.model.name}-{prompt.document_id}.txt").write_text(prompt.text)
        usage = Usage(100, len(prompt.pages), 20)
        return Generation(raw_response=json.dumps(answer), finish_reason="stop", usage=usage)
"""
PROMPTS = """
prompts:
  text: {text: "{{ schema }} {{ ocr_text }}"}
  transcribe: {text: "All words."}
models:
"""


def entry(name: str, stand_in: str, more: str) -> str:
    backend = f"backend: 'stand_ins:{stand_in}', isolate: false"
    return f"  - {{name: {name}, model_id: x, {backend}, {more}}}\n"


ANSWERER = entry("text", "Answerer", "prompts: [text], image: false, reader: eyes")
READER = entry("eyes", "Reader", "prompts: [transcribe]")
OTHER = ANSWERER.replace("name: text", "name: other")
BESIDE = entry("beside", "Answerer", "prompts: [text, default]")
ALONE = entry("alone", "Answerer", "prompts: [text], image: false")
Answers = dict[tuple[str, str, str], Generation | UserError]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which runs are made, with the stand-ins in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "stand_ins.py").write_text(STAND_INS)
    return tmp_path


def write(folder: Path, *entries: str) -> None:
    if (folder / "benchmarks").exists():
        (folder / "models.yaml").write_text(PROMPTS + "".join(entries))
    else:
        write_project(folder, PROMPTS + "".join(entries), DOCUMENTS)


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[InferenceRunner]:
    """What asks the candidates of a run, without pytest and without a report."""
    plan = Plan(
        Options(
            models_files=(folder / "models.yaml",),
            output_dir=folder / "results",
            cache=folder / "cache",
            **options,
        )
    )
    plan.schedule_cases(plan.build_cases(folder / "benchmarks" / "invoices"))
    runner = InferenceRunner(plan.options, plan)
    yield runner
    runner.close()


def ask(folder: Path, *names: str, **options: Any) -> Answers:
    """Each named model's answers, or what went wrong, by model, prompt and document."""
    answers: Answers = {}
    with running(folder, **options) as runner:
        for name in names:
            cases = [case for case in runner.plan.cases if case.model.name == name]
            candidate = runner.make_candidate(cases[0].model)
            for case in cases:
                key = (name, case.prompt_id, case.document.id)
                prompt = runner.build_prompt(case)
                try:
                    answers[key] = runner.generate_reply(
                        case, candidate, prompt, lambda call: call()
                    )
                except UserError as error:
                    answers[key] = error
            runner.close_candidate(candidate)
    return answers


def get(answers: Answers, name: str, document: str, prompt: str = "text") -> Generation:
    answer = answers[name, prompt, document]
    assert isinstance(answer, Generation), answer
    return answer


def get_error(answers: Answers, name: str, document: str) -> UserError:
    answer = answers[name, "text", document]
    assert isinstance(answer, UserError)
    return answer


def count_readings(folder: Path, start: int = 0) -> int:
    return sum(call.startswith("eyes: inv_") for call in calls_of(folder)[start:])


def test_a_run_has_the_readers_work_in_its_records_and_its_table(
    pytester: pytest.Pytester,
) -> None:
    folder = pytester.path
    write(folder, READER, ANSWERER)
    (folder / "stand_ins.py").write_text(STAND_INS)
    result = pytester.runpytest("benchmarks", "-p", "no:cacheprovider", "-k", "text-")
    assert result.ret == 0
    result.stdout.re_match_lines(
        [
            r"model +prompt +text by +s/doc +reading +answering",
            r"text +text +eyes +0\.\d\d +0\.\d\d +0\.\d\d",
        ]
    )
    assert calls_of(folder) == [
        "eyes: load",
        *(f"eyes: {document} 1 pages" for document in DOCUMENTS),
        "eyes: close",
        "text: load",
        *(f"text: {document} 0 pages" for document in DOCUMENTS),
        "text: close",
    ]
    run = run_folder_of(folder)
    records = records_of(run)
    assert [record["scores"]["document_right"] for record in records] == [True] * 3
    for record in records:
        (reading,) = record["page_text"]["readings"]
        assert (reading["reader"], reading["cached"]) == ("eyes", False)
        assert reading["usage"] == {"prompt_tokens": 50, "visual_tokens": 64, "output_tokens": 9}
        assert record["elapsed_seconds"] > reading["seconds"] >= 0.05
        assert record["usage"]["visual_tokens"] is None, "none were sent, so none were counted"
        assert record["page_text"]["text"].startswith("Invoice A-17 {{ schema }}")
        assert record["prompt"].endswith("{{ ocr_text }}")
    sent = (folder / "sent-text-inv_2.txt").read_text()
    assert sent.endswith("Invoice A-17 {{ schema }}\nTotal 219.00")
    (summary,) = json.loads((run / "report.json").read_text())["summaries"]
    speed = summary["speed"]
    assert speed["readers"] == ["eyes"]
    assert speed["median_seconds"] > speed["reading_seconds"] >= 0.05
    assert 0 <= speed["answering_seconds"] < speed["median_seconds"]
    assert len(read_reply_keys(run)) == 6, "a run that is deleted takes its readings along"


def test_a_reading_is_a_reply_of_the_cache_like_any_other(project: Path) -> None:
    write(project, READER, ANSWERER)
    ask(project, "eyes")
    asked = len(calls_of(project))
    answers = ask(project, "text")
    assert count_readings(project, asked) == 0
    first = get(answers, "text", "inv_1")
    assert first.page_text is not None
    assert first.page_text.readings[0].cached
    assert first.elapsed_seconds is not None
    assert first.elapsed_seconds >= 0.05, "as long as it took before"
    asked = len(calls_of(project))
    again = get(ask(project, "text", replies="only"), "text", "inv_1")
    assert len(calls_of(project)) == asked
    assert again.cached
    assert again.elapsed_seconds == pytest.approx(first.elapsed_seconds)


@pytest.mark.parametrize(("mode", "readings"), [("use", 3), ("refresh", 3), ("off", 6)])
def test_a_document_is_read_once_a_run_unless_nothing_is_kept(
    project: Path, mode: str, readings: int
) -> None:
    write(project, READER, ANSWERER, OTHER)
    ask(project, "eyes", replies="refresh")
    asked = len(calls_of(project))
    ask(project, "text", "other", replies=mode)
    assert count_readings(project, asked) == (0 if mode == "use" else readings)


def test_only_cached_replies_are_taken_where_no_model_may_be_asked(project: Path) -> None:
    write(project, READER, ANSWERER)
    error = get_error(ask(project, "text", replies="only"), "text", "inv_1")
    assert isinstance(error, Skip)
    assert str(error) == (
        "eyes read no text of the pages for the prompt: eyes: no cached reply for inv_1; run "
        "without --replies=only"
    )
    assert calls_of(project) == []


def test_another_text_of_the_pages_is_another_reply(project: Path, ocr_engine: "Engine") -> None:
    write(project, ALONE)
    assert not get(ask(project, "alone"), "alone", "inv_1").cached
    assert get(ask(project, "alone"), "alone", "inv_1").cached
    ocr_engine.lines[1] = "Total 120.00"
    refreshed = get(ask(project, "alone", replies="refresh"), "alone", "inv_1")
    assert "120.00" in refreshed.raw_response
    assert "120.00" in get(ask(project, "alone"), "alone", "inv_1").raw_response


def test_what_a_reader_cannot_read_costs_its_own_case(project: Path) -> None:
    settings = "isolate: false, backend_kwargs: {fails: [inv_2]}"
    write(project, READER.replace("isolate: false", settings), ANSWERER)
    answers = ask(project, "text")
    assert get(answers, "text", "inv_1").raw_response != get(answers, "text", "inv_3").raw_response
    error = get_error(answers, "text", "inv_2")
    assert isinstance(error, GenerationError)
    assert error.kind == "OutOfMemory"
    assert str(error) == "eyes read no text of the pages for the prompt: needs 9 GB"


def test_a_reader_that_is_not_here_skips_the_cells_and_says_why(project: Path) -> None:
    absent = "  - {name: eyes, model_id: acme/absent, prompts: [transcribe]}\n"
    write(project, absent, ANSWERER)
    error = get_error(ask(project, "text"), "text", "inv_1")
    assert isinstance(error, Skip)
    said = "eyes read no text of the pages for the prompt: eyes: no weights of acme/absent"
    assert str(error).startswith(said)


def test_nothing_is_read_for_a_model_that_is_not_here(project: Path) -> None:
    absent = "  - {name: text, model_id: acme/absent, prompts: [text], reader: eyes}\n"
    write(project, READER, absent)
    assert "acme/absent" in str(get_error(ask(project, "text"), "text", "inv_1"))
    assert calls_of(project) == []


def test_a_readers_own_prompt_may_show_what_was_read_for_it(
    project: Path, ocr_engine: "Engine"
) -> None:
    middle = entry("eyes", "Reader", "prompts: [text], price: {per_hour: 3.6}")
    write(project, middle, ANSWERER)
    page_text = get(ask(project, "text"), "text", "inv_1").page_text
    assert page_text is not None
    assert [reading.reader for reading in page_text.readings] == ["ocr", "eyes"]
    assert page_text.readings[1].price == {"per_hour": 3.6}
    assert page_text.seconds == sum(reading.seconds or 0 for reading in page_text.readings)


def test_a_text_that_no_page_has_is_cut_and_said_so(project: Path) -> None:
    endless = STAND_INS.replace("Total {amount}", "Total {amount}{'x' * 30_000}").replace(
        'finish_reason="stop", usage=Usage(50', 'finish_reason="length", usage=Usage(50'
    )
    (project / "stand_ins.py").rename(project / "endless.py").write_text(endless)
    write(project, READER.replace("stand_ins", "endless"), ANSWERER.replace("stand_ins", "endless"))
    answer = get(ask(project, "text"), "text", "inv_1")
    assert answer.page_text is not None
    assert len(answer.page_text.text) == 20_000
    assert [in_english(note) for note in answer.notes] == [
        "page 1: came out white",
        "eyes: its text of the pages ends at its limit of tokens",
        "eyes: its text of the pages has more than 20,000 characters, which no pages have; the "
        "rest is left out",
    ]


class Engine:
    """Stands for the OCR engine: what it reads on every page, and how many it has read."""

    def __init__(self) -> None:
        self.lines = ["Invoice A-17", "Total 119.00"]
        self.pages = 0

    def read(self, engine: object, image: object) -> list[Any]:
        self.pages += 1
        if not self.lines:
            raise ValueError("broken engine")
        boxes = [
            [(0.0, top), (200.0, top), (200.0, top + 20), (0.0, top + 20)]
            for top in range(0, 40 * len(self.lines), 40)
        ]
        return list(zip(boxes, self.lines, strict=True))


@pytest.fixture
def ocr_engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    monkeypatch.setattr(ocr, "load_rapidocr_engine", lambda: engine)
    monkeypatch.setattr(ocr, "run_rapidocr", engine.read)
    monkeypatch.setattr(ocr, "query_tesseract", lambda *_: [])
    return engine


def test_without_a_reader_the_ocr_reads_each_document_once(
    project: Path, ocr_engine: Engine
) -> None:
    write(project, BESIDE, ALONE)
    answers = ask(project, "beside", "alone")
    assert ocr_engine.pages == 3
    beside, alone = get(answers, "beside", "inv_1"), get(answers, "alone", "inv_1")
    assert get(answers, "beside", "inv_1", "default").page_text is None
    assert beside.page_text is not None
    assert beside.page_text.text == "Invoice A-17\nTotal 119.00"
    assert beside.page_text.readings[0].reader == "ocr"
    assert (beside.usage.visual_tokens, alone.usage.visual_tokens) == (1, None)
    assert "beside: inv_1 1 pages" in calls_of(project)
    assert "alone: inv_1 0 pages" in calls_of(project)


def test_an_engine_that_breaks_is_an_error_of_the_case(project: Path, ocr_engine: Engine) -> None:
    ocr_engine.lines.clear()
    write(project, BESIDE)
    answers = ask(project, "beside")
    assert get(answers, "beside", "inv_1", "default")
    error = get_error(answers, "beside", "inv_1")
    assert isinstance(error, GenerationError)
    said = "ocr read no text of the pages for the prompt: ValueError: broken engine"
    assert (error.kind, str(error)) == ("ValueError", said)


def test_a_dry_run_reads_nothing_and_knows_what_is_cached(
    project: Path, ocr_engine: Engine
) -> None:
    write(project, ALONE)
    assert not any(is_cached for is_cached in plan_dry(project))
    assert ocr_engine.pages == 0
    assert calls_of(project) == []
    ask(project, "alone")
    assert plan_dry(project) == [True] * 3


def plan_dry(folder: Path) -> list[bool]:
    planned = []
    for answer in ask(folder, "alone", dry_run=True).values():
        assert isinstance(answer, Generation)
        assert answer.environment["text_alone"]
        assert answer.environment["visual_tokens"] is None
        planned.append(answer.environment["cached"])
    return planned


def test_many_at_once_are_asked_with_the_text_that_was_read_for_them(project: Path) -> None:
    write(project, READER, ANSWERER)
    answers = ask(project, "text", scenario="offline")
    for document, reference in DOCUMENTS.items():
        answer = get(answers, "text", document)
        assert json.loads(answer.raw_response) == reference
        assert answer.page_text is not None
        assert answer.page_text.readings[0].seconds is not None
        assert answer.elapsed_seconds is None


def test_what_decides_a_reading_decides_whether_a_case_is_asked_again(project: Path) -> None:
    def read_settings() -> str:
        with running(project) as runner:
            case = next(case for case in runner.plan.cases if case.model.name == "text")
            return compute_case_inputs(case)["settings"]

    write(project, READER, ANSWERER)
    before = read_settings()
    write(project, READER, ANSWERER, OTHER)
    assert read_settings() == before
    write(project, READER.replace("model_id: x", "model_id: y"), ANSWERER)
    assert read_settings() != before
    write(project, READER.replace("[transcribe]", "[default]"), ANSWERER)
    assert read_settings() != before
