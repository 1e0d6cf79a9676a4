"""Runs -> what the reply cache has of them: the replies that their records name, and those that no
record of a run that is still there names; and what crashes left in the cache.

Records are hostile text: only a digest is a file's name.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from vlm_lab.files import read_json_object, remove_abandoned_parts
from vlm_lab.records.run_folder import read_reply_keys
from vlm_lab.records.runs import is_run, list_runs

REPLY_KEY_PATTERN = re.compile(r"[0-9a-f]{64}")


def find_replies(keys: Iterable[str], cache: Path) -> list[Path]:
    """The files of the replies that are cached under these keys."""
    paths = (
        cache / "replies" / key[:2] / f"{key}.json"
        for key in sorted(keys)
        if REPLY_KEY_PATTERN.fullmatch(key)
    )
    return [path for path in paths if path.is_file()]


def find_stray_replies(
    runs: Collection[Path], other_runs: Iterable[Path], cache: Path
) -> Iterator[Path]:
    """Replies that none of `other_runs` has a record of and that were asked for by one of `runs`,
    or by one that is gone: a crash came between a reply and its record. What was asked for by
    another run that is still there stays until that one goes."""
    resolved_runs = {run.resolve() for run in runs}
    recorded_keys = set[str]().union(*map(read_reply_keys, other_runs))
    for path in (cache / "replies").glob("*/*.json"):
        if path.stem in recorded_keys:
            continue
        name = str(read_json_object(path).get("run") or "")
        if not name or Path(name).resolve() in resolved_runs or not is_run(Path(name)):
            yield path


def remove_abandoned_cache_parts(cache: Path) -> None:
    """Deletes what killed processes left of files that they were writing to the cache. What lies
    in engines/ is other programs'."""
    remove_abandoned_parts(cache, recursive=False)
    for folder in ("replies", "checks"):
        remove_abandoned_parts(cache / folder)


def list_other_runs(run: Path, results: Path) -> list[Path]:
    """The runs in `results` beside this one."""
    return [other for other in list_runs(results) if other.resolve() != run.resolve()]
