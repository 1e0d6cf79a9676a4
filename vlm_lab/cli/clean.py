"""Delete a run and the replies that were cached for it, and nothing else.

RUN is a folder, a run's id, or `last`. A reply that another run used, too, is asked for again
there.

vlm-lab clean 20260102T030405Z
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

from vlm_lab.commands import locate_in_project
from vlm_lab.errors import UserError
from vlm_lab.records.run_folder import read_reply_keys
from vlm_lab.records.runs import find_run
from vlm_lab.sanitize import terminal_safe

# What `run_folder.create_folder` calls its folders.
RUN_NAME_PATTERN = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
REPLY_KEY_PATTERN = re.compile(r"[0-9a-f]{64}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=locate_in_project("results"),
        metavar="PATH",
        help="where runs are",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=locate_in_project("cache"),
        metavar="PATH",
        help="where replies are cached",
    )


def main(args: argparse.Namespace) -> int:
    run = find_run(args.run, args.output_dir)
    if not RUN_NAME_PATTERN.fullmatch(run.resolve().name) or run.is_symlink():
        raise UserError(
            f"{run}: is not named as runs are (20260102T030405Z); delete it by hand if you mean it"
        )
    replies = _find_replies(run, args.cache)
    file_count = sum(path.is_file() for path in run.rglob("*"))
    description = (
        f"{terminal_safe(str(run))} ({file_count} files) and {len(replies)} cached replies"
    )
    if not args.yes and not _confirm_deletion(description):
        print("nothing deleted")
        return 1
    try:
        for path in replies:
            path.unlink(missing_ok=True)
        shutil.rmtree(run)
    except OSError as error:
        raise UserError(
            f"{error.filename}: cannot be deleted ({error.strerror}); the rest may be gone"
        ) from None
    print(f"deleted {description}")
    return 0


def _find_replies(run: Path, cache: Path) -> list[Path]:
    """The cached replies of a run. Records are hostile text: only a digest is a file's name."""
    paths = (
        cache / "replies" / key[:2] / f"{key}.json"
        for key in sorted(read_reply_keys(run))
        if REPLY_KEY_PATTERN.fullmatch(key)
    )
    return [path for path in paths if path.is_file()]


def _confirm_deletion(description: str) -> bool:
    if not sys.stdin.isatty():
        raise UserError(f"would delete {description}; add --yes where nobody can be asked")
    return input(f"delete {description}? [y/N] ").strip().casefold() in ("y", "yes", "да")
