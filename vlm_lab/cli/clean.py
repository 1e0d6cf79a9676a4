"""Delete a run and what the cache has of its documents: its replies, those that no run here has a
record of, and checks of references.

RUN is a folder, a run's id, or `last`. A reply that another run used, too, is asked for again
there.

vlm-lab clean 20260102T030405Z
"""

import argparse
import shutil
import sys
from pathlib import Path

from vlm_lab.cli.run_argument import add_output_dir
from vlm_lab.commands import locate_in_project
from vlm_lab.errors import UserError
from vlm_lab.exit_status import ExitStatus
from vlm_lab.records.run_folder import read_reply_keys
from vlm_lab.records.runs import RUN_NAME_PATTERN, find_run, lock_run
from vlm_lab.run.cached_replies import (
    find_replies,
    find_stray_replies,
    list_other_runs,
    remove_abandoned_cache_parts,
)
from vlm_lab.sanitize import terminal_safe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_output_dir(parser)
    parser.add_argument(
        "--cache",
        type=Path,
        default=locate_in_project("cache"),
        metavar="PATH",
        help="where replies are cached",
    )
    parser.add_argument(
        "--anywhere", action="store_true", help="also a run that does not lie below --output-dir"
    )


def main(args: argparse.Namespace) -> int:
    run = find_run(args.run, args.output_dir)
    _check_place(run, args.output_dir, args.anywhere)
    with lock_run(run):
        replies = find_replies(read_reply_keys(run), args.cache)
        other_runs = list_other_runs(run, args.output_dir)
        strays = sorted({*find_stray_replies([run], other_runs, args.cache)} - {*replies})
        checks = sorted((args.cache / "checks").glob("*.json"))
        description = _describe_deletion(run, replies, strays, checks)
        if not args.yes and not confirm_deletion(description):
            print("nothing deleted")
            return ExitStatus.FAILED
        _delete_run(run, [*replies, *strays, *checks], args.cache)
    print(f"deleted {description}")
    return 0


def _check_place(run: Path, output_dir: Path, anywhere: bool) -> None:
    if not RUN_NAME_PATTERN.fullmatch(run.resolve().name) or run.is_symlink():
        raise UserError(
            f"{run}: is not named as runs are (20260102T030405Z); delete it by hand if you mean it"
        )
    if not anywhere and output_dir.resolve() not in run.resolve().parents:
        raise UserError(
            f"{run}: does not lie below {output_dir}; name its folder with --output-dir, or add"
            " --anywhere"
        )


def _describe_deletion(
    run: Path, replies: list[Path], strays: list[Path], checks: list[Path]
) -> str:
    file_count = sum(path.is_file() for path in run.rglob("*"))
    text = f"{terminal_safe(str(run))} ({file_count} files) and {len(replies)} cached replies"
    if strays:
        text += f", {len(strays)} without a record"
    if checks:
        text += f", {len(checks)} checks of references"
    return text


def _delete_run(run: Path, cached_files: list[Path], cache: Path) -> None:
    try:
        for path in cached_files:
            path.unlink(missing_ok=True)
        remove_abandoned_cache_parts(cache)
        shutil.rmtree(run)
    except OSError as error:
        raise UserError(
            f"{error.filename}: cannot be deleted ({error.strerror}); the rest may be gone"
        ) from None


def confirm_deletion(description: str) -> bool:
    """Whether somebody says yes. UserError where nobody can be asked."""
    if not sys.stdin.isatty():
        raise UserError(f"would delete {description}; add --yes where nobody can be asked")
    return input(f"delete {description}? [y/N] ").strip().casefold() in ("y", "yes", "да")
