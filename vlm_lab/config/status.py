"""Writes what was decided into models.yaml: `status`, and one line of `notes`.

ruamel.yaml keeps comments, order, quotes and blank lines. A user's own words in `notes` stay before
ours, which stand in [brackets] and are replaced the next time.
"""

import io
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vlm_lab.errors import UserError
from vlm_lab.files import atomic_file, read_bounded_text
from vlm_lab.messages import translate_messages
from vlm_lab.types import Decision, Verdict

VERDICTS_BY_CAUTION: tuple[Verdict, ...] = ("chosen", "needs_more_data", "rejected")
_OWN_NOTE_PATTERN = re.compile(r" ?\[vlm-lab .*\]$", re.DOTALL)


def write_status(path: Path, decisions: Sequence[Decision], run_id: str) -> list[str]:
    """Updates the models that `path` has, and returns their names. With several suites the most
    cautious word counts. The file is replaced whole or not at all."""
    yaml, data = _load_yaml(path)
    by_caution = sorted(decisions, key=lambda decision: VERDICTS_BY_CAUTION.index(decision.verdict))
    decisions_by_model = {decision.model: decision for decision in by_caution}
    written = []
    for entry in data.get("models") or []:
        decision = decisions_by_model.get(str(entry.get("name")))
        if decision:
            note = _format_note(str(entry.get("notes") or "").strip(), decision, run_id)
            values = (("status", decision.verdict), ("notes", note))
            for position, (key, value) in enumerate(values, 1):
                if key in entry:
                    entry[key] = value
                else:  # near the name: at the end it would come after a comment on the next model
                    entry.insert(position, key, value)
            written.append(decision.model)
    out = io.StringIO()
    yaml.dump(data, out)
    newline = "\r\n" if b"\r\n" in path.read_bytes() else "\n"
    mode = stat.S_IMODE(path.stat().st_mode)
    with atomic_file(path, mode) as file:
        file.write(out.getvalue().replace("\n", newline).encode())
    path.chmod(mode)  # what the umask took off
    return written


def _load_yaml(path: Path) -> tuple[Any, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    try:
        text = read_bounded_text(path, "utf-8")
        yaml.explicit_start = text.startswith("---")
        data = yaml.load(text)
        models = data["models"]
        dash_column = models.lc.col
        yaml.indent(mapping=2, sequence=models[0].lc.col, offset=dash_column)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except (YAMLError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: has no list of models ({' '.join(str(error).split())[:200]})"
        ) from None
    return yaml, data


def _format_note(current_notes: str, decision: Decision, run_id: str) -> str:
    user_notes = _OWN_NOTE_PATTERN.sub("", current_notes)
    evidence = "; ".join(translate_messages(decision.reasons_for("evidence")))
    reasons_against = translate_messages(decision.reasons_for("against"))
    against = f"; against: {reasons_against[0]}" if reasons_against else ""
    our_note = f"[vlm-lab {run_id}, prompt {decision.prompt_id}: {evidence}{against}]"
    return f"{user_notes} {our_note}".strip().replace("\n", " ")
