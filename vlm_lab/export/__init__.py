"""The winner of a run as a folder that needs nothing of ours: prompt, schema, settings as measured,
a script to run.

    prompt.txt  schema.json  settings.json  pages.py  read_invoice.py  README.md

pages.py and read_invoice.py are modules of `templates`, copied as they stand.

vlm-lab export last --model qwen2-vl-2b
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_lab.config.models_file import allow_listed_plugins
from vlm_lab.errors import UserError
from vlm_lab.export.settings import SETTINGS_BUILDERS
from vlm_lab.fields.schema import hash_schema
from vlm_lab.messages import translate_messages
from vlm_lab.suite import load_suite
from vlm_lab.types import ANSWERED, CandidateKey, Decision, Model, Report, Suite

SCRIPTS = {
    "transformers": (
        "read_with_transformers.py",
        "transformers torch accelerate sentencepiece pypdfium2 pillow",
    ),
    "openai": ("read_with_server.py", "pypdfium2 pillow"),
}
README_TEMPLATE = """\
# {model} with prompt `{prompt_id}`: {verdict}

Measured in run {run} on {documents} documents of the suite `{suite}`, against {references}.
For it: {evidence}
Against it: {against}

    pip install {packages}
    python read_invoice.py INVOICE.pdf

{note}prompt.txt is the text as it was sent, schema.json what it asks for; settings.json has all that decides a reply.
"""
TORCHVISION_NOTE = (
    "Qwen, SmolVLM and InternVL read videos, too, and want torchvision to be installed for it.\n"
)


@dataclass(frozen=True, slots=True)
class ExportedCandidate:
    """A candidate of a run, with the suite it was measured on and the newest of its answers."""

    model: Model
    prompt_id: str
    suite: Suite
    record: Mapping[str, Any]
    report: Report

    @property
    def candidate(self) -> CandidateKey:
        return CandidateKey(self.suite.name, self.model.name, self.prompt_id)


def find_candidate(
    report: Report,
    records: Iterable[Mapping[str, Any]],
    name: str,
    prompt_id: str | None = None,
    folder: Path | None = None,
) -> ExportedCandidate:
    """The candidate `name` of a run. Its prompt is the one that was decided on where none is given,
    its suite the only one it was asked on, or the one in `folder`. UserError where it was not
    measured or the suite has changed since."""
    model = next((each for each in report.models if each.name == name), None)
    if model is None:
        raise UserError(
            f"no model {name!r} in the run; it has {', '.join(each.name for each in report.models)}"
        )
    if model.backend not in SCRIPTS:
        raise UserError(
            f"{name}: a candidate of backend {model.backend!r} cannot leave this package; {' and '.join(SCRIPTS)} can"
        )
    suite = _load_measured_suite(report, name, folder)
    decided = next(
        (
            each.prompt_id
            for each in report.decisions
            if (each.suite, each.model) == (suite.name, name)
        ),
        None,
    )
    chosen = prompt_id or decided or model.prompts[0]
    key = CandidateKey(suite.name, name, chosen)
    answers = [
        row
        for row in records
        if CandidateKey.from_record(row) == key and row["status"] in ANSWERED and row["prompt"]
    ]
    if not answers:
        raise UserError(
            f"{name}: the run has no answer of it with prompt {chosen!r}; give another with --prompt"
        )
    return ExportedCandidate(
        model, chosen, suite, max(answers, key=lambda row: row["measured_at"] or ""), report
    )


def write_export(winner: ExportedCandidate, folder: Path) -> Path:
    """The folder. UserError where there is something in it already, or where a setting cannot be
    carried over."""
    script, _ = SCRIPTS[winner.model.backend]
    decides = SETTINGS_BUILDERS[winner.model.backend](
        winner.model, winner.record, winner.report, winner.suite.schema
    )
    settings = {**decides, **_collect_page_settings(winner)}
    texts = {
        "prompt.txt": winner.record["prompt"],
        "schema.json": _format_json(winner.suite.schema),
        "settings.json": _format_json(settings),
        "pages.py": _read_packaged_file("pages.py"),
        "read_invoice.py": _read_packaged_file(script),
        "README.md": render_readme(winner),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UserError(f"{folder}: is not empty; give another folder with --output")
        for name, text in texts.items():
            (folder / name).write_bytes(text.encode())
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written ({error.strerror}); give another folder with --output"
        ) from None
    return folder


def render_readme(winner: ExportedCandidate) -> str:
    """What it is, why it was taken, how to run it."""
    decision = _find_decision(winner)
    verified = next(
        (each["verified"] for each in winner.report.suites if each["name"] == winner.suite.name),
        False,
    )
    counted = [each for each in winner.report.summaries if each.candidate == winner.candidate]
    return README_TEMPLATE.format(
        model=winner.model.name,
        prompt_id=winner.prompt_id,
        verdict=decision.verdict if decision else "no decision was made on it",
        run=winner.report.run["id"],
        documents=counted[0].documents if counted else 0,
        suite=winner.suite.name,
        references="references that a person has checked"
        if verified
        else "references that nobody has checked",
        evidence="; ".join(translate_messages(decision.reasons_for("evidence")))
        if decision
        else "nothing",
        against="; ".join(translate_messages(decision.reasons_for("against"))) or "nothing"
        if decision
        else "the run decided nothing on this prompt",
        packages=SCRIPTS[winner.model.backend][1],
        note=TORCHVISION_NOTE if winner.model.backend == "transformers" else "",
    )


def _load_measured_suite(report: Report, name: str, folder: Path | None) -> Suite:
    """The suite, read again from its folder: a run keeps no more of its schema than a hash."""
    names = dict.fromkeys(each.suite for each in report.summaries if each.model == name)
    wanted = folder.resolve().name if folder else next(iter(names), "")
    if wanted not in names or (folder is None and len(names) > 1):
        raise UserError(
            f"{name} was measured on {', '.join(names) or 'nothing'}; say which suite with --suite=FOLDER"
        )
    options = report.run.get("options") or {}
    place = (
        folder
        or _make_path(options.get("suite"))
        or Path(options.get("project") or ".") / "benchmarks" / wanted
    )
    allow_listed_plugins(map(Path, options.get("models_files") or ()))
    suite = load_suite(place, schema=_make_path(options.get("schema")))
    measured = next(
        (each["schema_sha256"] for each in report.suites if each["name"] == wanted), None
    )
    if hash_schema(suite.schema) != measured:
        raise UserError(
            f"{place}: its schema is not the one that the run measured; restore it, or measure again"
        )
    return suite


def _make_path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _collect_page_settings(winner: ExportedCandidate) -> dict[str, Any]:
    """How many pages of a document became images, and how finely, in this run."""
    measured: Mapping[str, Any] = next(
        (each["pages"] for each in winner.report.suites if each["name"] == winner.suite.name), {}
    )
    most = (winner.report.run.get("options") or {}).get("max_pages") or measured.get(
        "max", winner.suite.max_pages
    )
    return {
        "pages": 1 if winner.model.pages == "first" else most,
        "page_by_page": winner.model.pages == "each",
        "dpi": winner.model.dpi or measured.get("dpi", winner.suite.dpi),
    }


def _find_decision(winner: ExportedCandidate) -> Decision | None:
    found = (each for each in winner.report.decisions if each.candidate == winner.candidate)
    return next(found, None)


def _read_packaged_file(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text("utf-8")


def _format_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
