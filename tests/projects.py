"""A user's project in a temp folder, for running pytest on it as users do."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.suites import REFERENCE, write_suite

PROJECT = Path(__file__).parents[1]

RUN = f"{PROJECT}/scripts/vlm-lab run"  # what a message says in a folder outside the checkout

ECHO = '''
"""A stand-in for a model: answers what its settings say, and notes each call."""
import json, time
from pathlib import Path
from vlm_lab.errors import GenerationError, Skip
from vlm_lab.types import Generation, Usage

class Echo:
    def __init__(self, model, runtime):
        self.model, self.settings = model, dict(model.backend_kwargs)
        self.note("load")
        if "missing" in self.settings:
            raise Skip("weights missing; vlm-lab weights fetch " + model.name)

    @classmethod
    def identity(cls, model, runtime):
        if "no_weights" in model.backend_kwargs:
            raise Skip("no weights; vlm-lab weights fetch " + model.name)
        return {"device": runtime.device}

    @classmethod
    def predict_visual_tokens(cls, model, runtime, sizes):
        return sum(width * height // 784 for width, height in sizes)

    def generate(self, prompt):
        size = prompt.pages[0].image.size
        self.note(f"{prompt.id} {prompt.document_id} {len(prompt.pages)} pages {size}")
        time.sleep(self.settings.get("seconds", 0))
        failing = Path("fails.txt")  # what fails today and not tomorrow is no setting of the model
        fails = failing.read_text().split() if failing.exists() else self.settings.get("fails", ())
        if prompt.document_id in fails:
            raise GenerationError("OutOfMemory", "needs 9 GB, has 8 GB")
        answer = self.settings.get("answer", "")
        answer = self.settings.get("answers", {}).get(prompt.document_id, answer)
        text = answer if isinstance(answer, str) else json.dumps(answer)
        usage = Usage(100, 64, 20)
        return Generation(
            raw_response=text, finish_reason="stop", usage=usage, environment={"device": "cpu"}
        )

    def close(self):
        self.note("close")

    def note(self, text):
        with Path("calls.txt").open("a") as file:
            file.write(f"{self.model.name}: {text}\\n")
'''


# A conftest.py with which the report takes minutes to write; `reporting` is there when it began.
SLOW_REPORT = """
import time
from pathlib import Path
import vlm_lab.report.formats as formats
def slow(path, text):
    with formats.atomic_private_file(path) as file:
        Path("reporting").touch()
        time.sleep(300)
formats._write_text = slow
"""

SERVED = """
prompts:
  with-text: {{text: "{{{{ schema }}}} {{{{ ocr_text }}}}"}}
models:
  - name: served
    model_id: x
    backend: openai
    backend_kwargs: {{base_url: "{url}"}}
    prompts: [default, with-text]
    reader: eyes
"""


def write_project(
    folder: Path, models: str, references: Mapping[str, Any] | None = None, suite_yaml: str = ""
) -> None:
    """pytest.ini, models.yaml, the user's test file, and a suite of tiny documents."""
    ini = (
        (PROJECT / "pytest.ini").read_text().replace("pythonpath = .", f"pythonpath = {PROJECT} .")
    )
    (folder / "pytest.ini").write_text(ini)
    (folder / "models.yaml").write_text(models)
    (folder / "echo.py").write_text(ECHO)
    (folder / "benchmarks").mkdir()
    test = PROJECT / "benchmarks" / "test_invoices.py"
    (folder / "benchmarks" / "test_invoices.py").write_text(test.read_text())
    if references is None:
        references = dict.fromkeys(("inv_1", "inv_2", "inv_3"), REFERENCE)
    write_suite(folder / "benchmarks" / "invoices", references, suite_yaml)


def echo(name: str = "m", extra: str = "", **settings: Any) -> str:
    """A line of models.yaml for the stand-in."""
    settings.setdefault("answer", REFERENCE)
    entry = f"name: {name}, model_id: x, backend: 'echo:Echo'"
    return f"  - {{{entry}, backend_kwargs: {json.dumps(settings)}{extra}}}\n"


def format_served_models(url: str) -> str:
    """models.yaml of a served model with two prompts. One has the words of the pages, which a
    stand-in reads as `Total 119.00`."""
    return SERVED.format(url=url) + echo("eyes", answer="Total 119.00")


def run_folder_of(folder: Path) -> Path:
    """The only run there is."""
    (run,) = [path for path in (folder / "results").iterdir() if path.is_dir()]
    return run


def records_of(run: Path) -> list[dict[str, Any]]:
    """All lines of a run, in the order in which they were written."""
    return [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]


def calls_of(folder: Path) -> list[str]:
    """What the stand-ins were asked."""
    path = folder / "calls.txt"
    return path.read_text().splitlines() if path.exists() else []


def read_figures(run: Path) -> dict[str, Any]:
    """What a run's report says of its answers, without the seconds that they took."""
    report = json.loads((run / "report.json").read_text())
    row_keys = ("suite", "model", "prompt_id", "document", "status", "cached", "error", "fields")
    return {
        "documents": [document["id"] for document in report["documents"]],
        "partial": report["run"]["partial"],
        "summaries": [{**summary, "speed": None} for summary in report["summaries"]],
        "comparisons": report["comparisons"],
        "decisions": [decision["verdict"] for decision in report["decisions"]],
        "records": [{key: row[key] for key in row_keys} for row in report["records"]],
    }
