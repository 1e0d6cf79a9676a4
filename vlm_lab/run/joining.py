"""Several runs and the rules of today -> one report over all of their candidates."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from vlm_lab.files import make_private_folder
from vlm_lab.records.joined_runs import JoinedRuns, join_runs
from vlm_lab.records.report_json import write_report
from vlm_lab.run.rule_names import check_rule_names, collect_field_paths
from vlm_lab.run.run_analysis import analyze_run
from vlm_lab.types import Report, Rules

JOINED_PREFIX = "joined-"  # of the folder in the newest run's


def analyze_joined_runs(folders: Sequence[Path], rules: Rules) -> tuple[JoinedRuns, Report]:
    """The runs as one, and its report with figures and decisions. UserError where they cannot be
    joined."""
    joined = join_runs(folders)
    check_rule_names(rules, collect_field_paths(joined.report))
    return joined, analyze_run(joined.report, joined.read_records, joined.cases, rules)


def write_joined_report(folders: Sequence[Path], rules: Rules) -> Path:
    """Writes report.json of the runs as one into a folder of the newest run's, from which every
    form is written as from any other; that folder."""
    joined, report = analyze_joined_runs(folders, rules)
    ids = " ".join(report.run["joined"])
    digest = hashlib.sha256(ids.encode("utf-8", "surrogatepass")).hexdigest()
    folder = joined.newest / f"{JOINED_PREFIX}{digest[:8]}"
    shutil.rmtree(folder, ignore_errors=True)  # what was drawn of an earlier joining is old
    make_private_folder(folder, joined.newest)
    write_report(folder / "report.json", report, joined.read_records())
    return folder
