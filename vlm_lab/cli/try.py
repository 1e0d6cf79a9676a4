"""Try a candidate's weights on three pages, and write what can be told of it to others.

vlm-lab try NAME                 loads it, reads three pages of a suite's documents, and
                                 checks visual tokens, seconds, memory and the template's form
vlm-lab try NAME --output PATH   where the file goes; no value, reply, text or document's name
                                 is in it: send it to whoever keeps docs/models.md
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from vlm_lab.cli.plan import find_folders
from vlm_lab.cli.weights import add_models_file, select_model
from vlm_lab.commands import locate_in_project
from vlm_lab.errors import Skip, UserError
from vlm_lab.exit_status import ExitStatus
from vlm_lab.files import atomic_private_file
from vlm_lab.run.asking import check_applicable
from vlm_lab.run.inference import InferenceRunner
from vlm_lab.run.options import Options
from vlm_lab.run.plan import Plan
from vlm_lab.run.trial import PageTrial, Trial, try_candidate
from vlm_lab.sanitize import terminal_safe_lines
from vlm_lab.types import Case, Model

PAGE_COUNT = 3

COMMAND = "try"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--suite", metavar="NAME", help="whose documents (default: the first)")
    parser.add_argument("--output", type=Path, metavar="PATH", help="default: try-NAME.json")
    parser.add_argument("--device", default="auto", metavar="D", help="as for a run")
    add_models_file(parser, locate_in_project("models.yaml"))


def main(args: argparse.Namespace) -> int:
    project = args.models_file.absolute().parent
    options = Options(
        models_files=(args.models_file,),
        output_dir=project / "results",
        cache=project / "cache",
        max_pages=1,
        device=args.device,
    )
    plan = Plan(options)
    model = select_model(plan.candidates.models, args.name)
    cases = choose_cases(plan, model, find_folders(args.suite)[0].absolute())
    runner = InferenceRunner(options, plan)
    candidate = runner.make_candidate(model)
    try:
        candidate.identity()  # weights that are not here are said in one line, and nothing written
        prompts = [runner.build_sent_prompt(case) for case in cases]
        trial, errors = try_candidate(candidate, cases, prompts)
    finally:
        candidate.close()
        runner.close()
    for error in errors:
        print(f"vlm-lab {COMMAND}: {terminal_safe_lines(str(error))}", file=sys.stderr)
    path = args.output or Path(f"try-{model.name}.json")
    with atomic_private_file(path) as file:
        file.write((json.dumps(asdict(trial), indent=1) + "\n").encode())
    print("\n".join([*format_trial(model, trial), *format_next_step(path, trial)]))
    return ExitStatus.FAILED if errors else ExitStatus.OK


def choose_cases(plan: Plan, model: Model, folder: Path) -> list[Case]:
    """The first documents of a suite that the model is meant for, with its first prompt."""
    chosen: list[Case] = []
    for case in plan.build_cases(folder):
        if case.model.name != model.name or case.prompt_id != model.prompts[0]:
            continue
        try:
            check_applicable(case)
        except Skip:
            continue
        chosen.append(case)
    if not chosen:
        raise UserError(
            f"{model.name}: no document of {folder} is meant for it (`only` in models.yaml); name "
            "another suite with --suite"
        )
    return chosen[:PAGE_COUNT]


def format_trial(model: Model, trial: Trial) -> Iterator[str]:
    """What was found out, in lines for the terminal."""
    if trial.load_seconds is None:
        yield f"{model.name}: was not loaded ({trial.error})"
        return
    chosen = ", ".join(trial.chosen.values()) or "a server, or code of your own"
    yield f"{model.name}: loaded in {trial.load_seconds:.1f} s ({chosen})"
    template = trial.chat_template
    if template.get("value"):
        content = template.get("content")
        yield f"chat template: {template['value']} ({template.get('name')}), content as {content}"
    else:
        yield "chat template: none"
    for number, page in enumerate(trial.pages, 1):
        yield f"page {number}: {format_page(page)}"
    predictions = trial.predictions
    if predictions:
        as_predicted = sum(predictions)
        yield f"visual tokens: as predicted on {as_predicted} of {len(predictions)} pages"
    else:
        yield "visual tokens: not known from both sides"


def format_page(page: PageTrial) -> str:
    """`1240 x 1754, 2,832 visual tokens (2,832 predicted), 5.1 s, 612 tokens out, ok`"""
    if page.seconds is None:
        return f"no reply ({page.error})"
    parts = [f"{page.size[0]} x {page.size[1]}" if page.size else "text alone"]
    if page.counted_tokens is not None:
        predicted = "not predicted"
        if page.predicted_tokens is not None:
            predicted = f"{page.predicted_tokens:,} predicted"
        parts.append(f"{page.counted_tokens:,} visual tokens ({predicted})")
    parts.append(f"{page.seconds:.1f} s")
    if page.output_tokens is not None:
        parts.append(f"{page.output_tokens:,} tokens out")
    if page.peak_memory_bytes:
        parts.append(f"{page.peak_memory_bytes / 1e9:.1f} GB")
    return ", ".join([*parts, page.status])


def format_next_step(path: Path, trial: Trial) -> Iterator[str]:
    """Where the file lies, and what docs/models.md would say of it."""
    yield f"written: {path}: no value, no text and no name of a document is in it"
    if trial.load_seconds is not None:
        yield f"for docs/models.md, behind your name: {format_real_weights(trial)}"


def format_real_weights(trial: Trial) -> str:
    """The column *real weights*: date, GPU and versions."""
    versions = [f"{name} {value}" for name, value in trial.versions.items() if name != "python"]
    where = ", ".join(trial.hardware[1:]) or trial.hardware[0]
    return ", ".join([trial.date, where, *versions])
