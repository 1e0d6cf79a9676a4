"""How many labelled documents the rules of models.yaml take, and how long labelling takes.

Counted are the candidates that can run here; the others are named. Nothing is run.

vlm-lab plan                             for each suite of the project
vlm-lab plan --suite schet --minutes-per-label 5
"""

import argparse
import textwrap
from collections.abc import Iterator
from pathlib import Path

from vlm_lab.commands import format_run_command, locate_in_project
from vlm_lab.config.strict_yaml import format_suggestion
from vlm_lab.errors import UserError
from vlm_lab.run.options import Options
from vlm_lab.run.plan import Plan
from vlm_lab.run.rule_forecast import MINUTES_PER_LABEL, forecast_rules, format_forecast

TERMINAL_WIDTH = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--suite", metavar="NAME", help="only this suite, by its name or folder (default: each)"
    )
    parser.add_argument(
        "--minutes-per-label",
        type=float,
        default=MINUTES_PER_LABEL,
        metavar="M",
        help=f"to label one document (default: {MINUTES_PER_LABEL:g})",
    )
    parser.add_argument(
        "--models-file", type=Path, default=locate_in_project("models.yaml"), metavar="PATH"
    )


def main(args: argparse.Namespace) -> int:
    if not args.minutes_per_label > 0:
        raise UserError(f"--minutes-per-label: must be above 0 (got {args.minutes_per_label:g})")
    project = args.models_file.absolute().parent
    options = Options(
        models_files=(args.models_file,), output_dir=project / "results", cache=project / "cache"
    )
    plan = Plan(options)
    for folder in find_folders(args.suite):
        for line in describe_suite(plan, folder, args.minutes_per_label):
            print(wrap_line(line))
        command = format_run_command("--suite", folder.name, "--dry-run")
        print(f"  next: {command}")
    return 0


def wrap_line(line: str) -> str:
    """Within a terminal's usual width; names stay whole."""
    return textwrap.fill(
        line,
        TERMINAL_WIDTH,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def find_folders(name: str | None) -> list[Path]:
    """The folders of the suites that are meant. UserError where there is none."""
    benchmarks = locate_in_project("benchmarks")
    folders = sorted(path.parent for path in benchmarks.glob("*/suite.yaml"))
    if name is None and folders:
        return folders
    chosen = [folder for folder in folders if folder.name == name]
    if name and not chosen and Path(name).is_dir():
        chosen = [Path(name)]
    if not chosen:
        suggestion = format_suggestion(name or "", [folder.name for folder in folders])
        raise UserError(f"no suite {name or 'at all'} in {benchmarks}{suggestion}")
    return chosen


def describe_suite(plan: Plan, folder: Path, minutes_per_label: float) -> Iterator[str]:
    """What there is, then a line a rule, then what they rest on."""
    cases = plan.build_cases(folder)
    models = list(dict.fromkeys(case.model for case in cases))
    absent = plan.find_absent_models(cases)
    candidates = dict.fromkeys(case.candidate for case in cases)
    present = [candidate.label for candidate in candidates if candidate.model not in absent]
    documents = {case.document.id: case.document for case in cases}.values()
    labelled_count = sum(document.reference is not None for document in documents)
    yield f"{folder.name}: {len(documents)} documents, {labelled_count} with a reference"
    yield f"  candidates that can run here: {', '.join(present) or 'none'}"
    if absent:
        counted = "not counted" if present else "counted, as none is here"
        yield f"  {len(absent)} of {len(models)} models cannot, {counted}: {', '.join(absent)}"
    labelled_cases = [case for case in cases if case.document.reference is not None]
    for forecast in forecast_rules(labelled_cases, plan.candidates.rules, absent):
        yield f"  {format_forecast(forecast, minutes_per_label)}"
    yield f"  labels at {minutes_per_label:g} minutes each; with an error it takes more of them"
