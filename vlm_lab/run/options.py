"""The command line's options, declared once; `vlm-lab run` takes the same.

Paths that a user types are relative to where pytest was started, defaults to the project:
scripts/bench works from any folder.
"""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

from vlm_lab.commands import format_command
from vlm_lab.errors import UserError
from vlm_lab.records.runs import find_run
from vlm_lab.run.reply_cache import CacheMode
from vlm_lab.run.sweep import Sweep, parse_sweep

Scenario = Literal["single-stream", "offline"]
Engine = Literal["pytest", "ray"]
AddOption = Callable[..., None]  # of a pytest group


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says, paths already made absolute. `source` is what `--documents` says
    with `engine` ray: a folder, a Parquet file of paths, or an address."""

    models_files: tuple[Path, ...]
    output_dir: Path
    cache: Path
    suite: Path | None = None
    suite_test: Path | None = None  # the test file that asks about `suite`
    documents: Path | None = None
    references: Path | None = None
    schema: Path | None = None
    max_pages: int | None = None
    device: str = "auto"
    dry_run: bool = False
    prompts: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    sweep: Sweep | None = None
    sample: int | None = None
    holdout: bool = False
    replies: CacheMode = "use"
    resume: Path | None = None
    scenario: Scenario = "single-stream"
    rounds: int = 1
    probe: int = 0
    online: bool = False
    seed: int = 0
    baseline: Path | None = None
    max_drop: float = 0.01
    fail_on_lost_field: bool = False
    fail_on_skip: bool = False
    project: Path = Path()
    command: tuple[str, ...] = ()
    engine: Engine = "pytest"
    source: str = ""

    @property
    def no_model_option(self) -> str:
        """The option that keeps models from being called; "" where they are."""
        if self.dry_run:
            return "--dry-run"
        return "--replies only" if self.replies == "only" else ""


def add_options(group: Any) -> None:
    """Declares the options in a pytest group. ValueError where another plugin owns one of them."""
    _add_inputs(group.addoption)
    _add_selection(group.addoption)
    _add_asking(group.addoption)
    _add_checks(group.addoption)


def _add_inputs(add_option: AddOption) -> None:
    """Where documents, candidates and results are."""
    add_option(
        "--suite",
        metavar="NAME",
        help="only this suite, by its name or folder (default: each beside its test file)",
    )
    add_option("--documents", metavar="PATH", help="documents, instead of the suite's")
    add_option("--references", metavar="PATH", help="references, instead of the suite's")
    add_option("--schema", metavar="PATH", help="schema.json, instead of the suite's")
    add_option(
        "--models-file",
        metavar="PATH",
        action="append",
        help="the candidates; repeatable (default: models.yaml)",
    )
    add_option("--output-dir", metavar="PATH", help="where runs go (default: results)")
    add_option(
        "--max-pages",
        metavar="N",
        type=parse_count,
        help="pages of a document that become images (default: the suite's)",
    )


def _add_selection(add_option: AddOption) -> None:
    """Which documents, prompts and candidates are asked."""
    add_option(
        "--prompt", metavar="ID", action="append", default=[], help="only these prompts; repeatable"
    )
    add_option(
        "--status",
        metavar="S",
        action="append",
        default=[],
        choices=("chosen", "rejected", "needs_more_data"),
        help="only candidates marked so in models.yaml; repeatable",
    )
    add_option(
        "--sweep",
        metavar="SETTING=A,B,...",
        type=check_sweep,
        action=StoreOnce,
        help="each candidate once with each value of a numeric setting: dpi=100,150",
    )
    add_option(
        "--sample", metavar="N", type=parse_count, help="N documents, seeded, stratified by tag"
    )
    add_option(
        "--holdout",
        action="store_true",
        help="the documents that suite.yaml's `holdout` keeps apart: the word comes from them",
    )


def _add_asking(add_option: AddOption) -> None:
    """How they are asked."""
    add_option(
        "--device",
        metavar="D",
        type=parse_device,
        default="auto",
        help="auto, cpu, cuda, cuda:N or mps (default: auto)",
    )
    add_option("--dry-run", action="store_true", help="everything except calling the model")
    add_option(
        "--replies",
        choices=("use", "refresh", "only", "off"),
        default="use",
        help="the reply cache (default: use)",
    )
    add_option(
        "--resume", metavar="RUN", help="go on with an interrupted run: path, run id, or last"
    )
    add_option(
        "--scenario",
        choices=("single-stream", "offline"),
        default="single-stream",
        help="one request at a time, each timed; or many at once: documents a second"
        " (default: single-stream)",
    )
    add_option(
        "--rounds",
        metavar="N",
        type=parse_count,
        default=1,
        help="timed rounds of a case; the median counts (default: 1)",
    )
    add_option(
        "--probe",
        metavar="N",
        type=partial(parse_count, minimum=0),
        default=0,
        help="ask each model N of its documents again: do its answers stay the same? (default: 0)",
    )
    add_option("--online", action="store_true", help="allow downloads from the hub for this run")


def _add_checks(add_option: AddOption) -> None:
    """What fails the run."""
    add_option(
        "--baseline",
        metavar="PATH",
        help=f"exit 1 when a candidate got worse than this; {format_command('accept')} writes one",
    )
    add_option(
        "--max-drop",
        metavar="X",
        type=float,
        default=0.01,
        help="how far F1 may fall below it (default: 0.01)",
    )
    add_option(
        "--fail-on-lost-field",
        action="store_true",
        help="with --baseline: no field that was right may be lost",
    )
    add_option(
        "--fail-on-skip",
        action="store_true",
        help="exit 1 when a candidate was skipped on all documents",
    )


class StoreOnce(argparse.Action):
    """An option that says something else where it is typed a second time."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Refuses the second one."""
        present = getattr(namespace, self.dest, None)
        if present not in (None, values):
            raise argparse.ArgumentError(self, f"one at a time (got {present} and {values})")
        setattr(namespace, self.dest, values)


def check_sweep(text: str) -> str:
    """A sweep as it is typed: pytest-xdist hands on no option but text and numbers."""
    return str(parse_sweep(text))


def parse_count(text: str, minimum: int = 1) -> int:
    """A number of `minimum` or more."""
    if not text.isdecimal() or int(text) < minimum:
        raise argparse.ArgumentTypeError(
            f"must be a whole number of {minimum} or more (got {text!r})"
        )
    return int(text)


def parse_device(text: str) -> str:
    """A device's name; whether it is here is seen when a model is loaded."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", text):
        raise argparse.ArgumentTypeError(f"no device {text!r}; known: auto, cpu, cuda, cuda:N, mps")
    return text


def read_options(config: pytest.Config) -> Options:
    """What was typed, with paths made absolute. UserError where a run to resume does not exist."""
    place = config.invocation_params.dir
    options = build_options(config.getoption, config.rootpath, place)
    _check_scenario(config)
    return replace(options, command=tuple(config.invocation_params.args))


def build_options(get_option: Callable[[str], Any], project: Path, start_folder: Path) -> Options:
    """What `get_option` has under the options' names."""
    output_dir = _resolve_path(start_folder, get_option("output_dir")) or project / "results"
    resume = get_option("resume")
    return Options(
        models_files=tuple(start_folder / name for name in get_option("models_file") or ())
        or (project / "models.yaml",),
        output_dir=output_dir,
        cache=project / "cache",
        documents=_resolve_path(start_folder, get_option("documents")),
        references=_resolve_path(start_folder, get_option("references")),
        schema=_resolve_path(start_folder, get_option("schema")),
        max_pages=get_option("max_pages"),
        device=get_option("device"),
        dry_run=get_option("dry_run"),
        prompts=tuple(get_option("prompt")),
        status=tuple(get_option("status")),
        sweep=parse_sweep(get_option("sweep")) if get_option("sweep") else None,
        sample=get_option("sample"),
        holdout=get_option("holdout"),
        replies=get_option("replies"),
        resume=find_run(resume, output_dir) if resume else None,
        scenario=get_option("scenario"),
        rounds=get_option("rounds"),
        probe=get_option("probe"),
        online=get_option("online"),
        baseline=_resolve_path(start_folder, get_option("baseline")),
        max_drop=get_option("max_drop"),
        fail_on_lost_field=get_option("fail_on_lost_field"),
        fail_on_skip=get_option("fail_on_skip"),
        project=project,
    )


def _check_scenario(config: pytest.Config) -> None:
    """UserError where an option contradicts the scenario `offline`."""
    if config.getoption("scenario") != "offline":
        return
    if config.getoption("rounds") > 1:
        raise UserError(
            "--rounds: rounds are of single replies that are timed; leave it out, or --scenario"
            " offline, in which no reply has seconds of its own"
        )
    if config.getoption("replies") == "off":
        raise UserError(
            "--replies off: with --scenario offline the cache keeps each reply until its test"
            " takes it, so that a crash loses none; type --replies refresh to ask for all anew"
        )


def _resolve_path(base: Path, text: str | None) -> Path | None:
    return base / Path(text).expanduser() if text else None
