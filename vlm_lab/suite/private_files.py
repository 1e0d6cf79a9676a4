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
_REFERENCES_GITIGNORE = """\
# References hold values of your documents. To share them, in a repository that may hold such
# values, delete this file.
*
"""


def render_gitignore(corrections_name: str) -> str:
    """The text of the file, for a suite whose corrections have this name."""
    return _GITIGNORE.format(fields=FIELDS_FILE, corrections=corrections_name)


def write_missing_gitignore(corrections: Path) -> None:
    """Writes it beside a file of corrections. One that is there is the user's: it stays."""
    path = corrections.with_name(GITIGNORE_FILE)
    if not path.exists():
        path.write_text(render_gitignore(corrections.name), "utf-8")


def make_references_folder(folder: Path) -> None:
    """Makes the folder of a suite's references where it is not there, and keeps it out of git. One
    that is there is the user's: it stays as it is."""
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / GITIGNORE_FILE).write_text(_REFERENCES_GITIGNORE, "utf-8")
