"""`vlm-lab run --engine ray ...` -> Options, and how the cluster is reached: the options of a plain
run that make sense for one over many machines, by the same names."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from _pytest.mark.expression import Expression

from vlm_lab.commands import format_command, locate_in_project
from vlm_lab.config.strict_yaml import format_suggestion
from vlm_lab.errors import UserError
from vlm_lab.run.cluster.documents import is_address
from vlm_lab.run.cluster.pipeline import ClusterOptions
from vlm_lab.run.options import Options, add_options, build_options, parse_count
from vlm_lab.run.selection import choose_suite

Selects = Callable[[str, str, str], bool]  # suite, model, prompt
# What a run over many machines does not do, and what to do instead.
UNSUPPORTED = {
    "dry_run": "--dry-run: estimate it on a few documents without --engine ray",
    "sweep": "--sweep: sweep on a few hundred documents without --engine ray",
    "sample": "--sample: name fewer documents in a Parquet file",
    "holdout": "--holdout: run it without --engine ray",
    "replies": "--replies: a run over many machines has no reply cache; --resume goes on with it",
    "scenario": "--scenario: it is always as in `offline`; leave the option out",
    "rounds": "--rounds: no reply has seconds of its own; leave the option out",
    "probe": "--probe: ask a few documents again without --engine ray",
    "baseline": "--baseline: hold the finished run against another by the command `compare`",
    "fail_on_skip": "--fail-on-skip: read the report's statuses",
}


class Typed(NamedTuple):
    """A command line of a run over many machines."""

    options: Options
    selects: Selects
    cluster: ClusterOptions


class _Group:
    """What `add_options` wants of a group of pytest's, for a parser of its own."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.addoption = parser.add_argument


def read_cluster_options(arguments: Sequence[str], project: Path) -> Typed:
    """What was typed after `vlm-lab run`. UserError where it is not for such a run."""
    parser = make_parser()
    args = parser.parse_args(arguments)
    for name, sentence in UNSUPPORTED.items():
        if getattr(args, name) != parser.get_default(name):
            raise UserError(f"{sentence} (--engine ray does not take it)")
    source = args.documents or ""
    documents = None if is_address(source) else args.documents
    args.documents = None if source.endswith(".parquet") else documents
    options = build_options(partial(getattr, args), project, Path.cwd())
    options = replace(
        options,
        command=tuple(arguments),
        engine="ray",
        source=source if is_address(source) or not source else str(Path.cwd() / source),
        suite=_find_suite(args.suite) if args.suite or options.resume is None else None,
    )
    cluster = ClusterOptions(args.ray_address, args.replicas, args.gpus)
    return Typed(options, partial(_is_selected, args.keyword), cluster)


def make_parser() -> argparse.ArgumentParser:
    """The options of such a run."""
    parser = argparse.ArgumentParser(format_command("run", "--engine", "ray"), allow_abbrev=False)
    add_options(_Group(parser))
    parser.add_argument("--engine", choices=("pytest", "ray"), default="pytest")
    parser.add_argument("--ray-address", metavar="ADDRESS", help="a cluster: auto, or HOST:PORT")
    parser.add_argument(
        "--replicas", metavar="N", type=parse_count, help="actors of each candidate"
    )
    parser.add_argument("--gpus", metavar="N", type=float, help="GPUs of each actor")
    parser.add_argument("-k", dest="keyword", metavar="EXPRESSION", default="")
    return parser


def _find_suite(text: str | None) -> Path:
    folders = {path.parent for path in locate_in_project("benchmarks").glob("*/suite.yaml")}
    if text:
        return choose_suite(
            text, {folder: folder for folder in folders}, Path.cwd()
        ).folder.resolve()
    if len(folders) == 1:
        return folders.pop().resolve()
    names = sorted(folder.name for folder in folders)
    raise UserError(
        f"--engine ray reads documents by one suite; name it with --suite: {', '.join(names)}"
        f"{format_suggestion('', names)}"
    )


def _is_selected(keyword: str, suite: str, model: str, prompt_id: str) -> bool:
    """Whether `-k` selects a candidate: by a part of its model's, prompt's or suite's name."""
    names = [name.casefold() for name in (suite, model, prompt_id)]

    def has_part(part: str, /, **_: Any) -> bool:
        return any(part.casefold() in name for name in names)

    return not keyword or Expression.compile(keyword).evaluate(has_part)
