"""What of a suite's folder git leaves out: files that hold values of documents.

In comes a suite's folder, out goes a .gitignore in it, where there is none. Who wants to share
decisions with a team, in a repository that may hold such values, takes the line of the corrections
out of it.
"""

from pathlib import Path

GITIGNORE_FILE = ".gitignore"
FIELDS_FILE = "fields.md"  # what `vlm-lab init` guessed, with examples of values
_GITIGNORE = """\
# These hold values of your documents. To share what was decided about references with your team,
# in a repository that may hold such values, delete the line of {corrections}.
/{fields}
/{corrections}
"""


def render_gitignore(corrections_name: str) -> str:
    """The text of the file, for a suite whose corrections have this name."""
    return _GITIGNORE.format(fields=FIELDS_FILE, corrections=corrections_name)


def write_missing_gitignore(corrections: Path) -> None:
    """Writes it beside a file of corrections. One that is there is the user's: it stays."""
    path = corrections.with_name(GITIGNORE_FILE)
    if not path.exists():
        path.write_text(render_gitignore(corrections.name), "utf-8")
