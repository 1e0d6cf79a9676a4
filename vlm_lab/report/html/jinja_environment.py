"""How templates become pages: everything is escaped, in one language, and a page's policy allows no
script and no style but those whose hashes it names."""

import base64
import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from vlm_lab.messages import translate_message
from vlm_lab.report import tables
from vlm_lab.report.formatting import format_estimate, format_interval
from vlm_lab.report.translation import format_more_documents, load_catalogue
from vlm_lab.report.unanswered import format_unanswered
from vlm_lab.sanitize import terminal_safe

TEMPLATE_FOLDER = Path(__file__).parent / "templates"


def build_style_policy(style: str) -> str:
    """The policy of a page that has a style sheet and nothing else."""
    source = hash_source(style)
    return f"default-src 'none'; style-src '{source}'; base-uri 'none'; form-action 'none'"


def build_environment(language: str, *folders: Path) -> Environment:
    """Jinja2 with everything escaped, in one language. Templates are looked for in `folders` before
    the report's own."""
    jinja = Environment(
        loader=FileSystemLoader([*folders, TEMPLATE_FOLDER]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        finalize=lambda value: terminal_safe(value) if type(value) is str else value,
    )
    jinja.install_gettext_translations(load_catalogue(language))  # type: ignore[attr-defined]
    jinja.globals.update(tables=tables)
    translated_functions: dict[str, Callable[..., Any]] = {
        "build_model_row": tables.build_model_row,
        "format_calibration_notes": tables.format_calibration_notes,
        "format_more_documents": format_more_documents,
        "format_unanswered": format_unanswered,
        "format_estimate": format_estimate,
        "format_interval": format_interval,
        "translate_message": translate_message,
    }
    jinja.globals.update(
        {
            name: partial(function, catalogue=load_catalogue(language))
            for name, function in translated_functions.items()
        }
    )
    return jinja


def hash_source(text: str) -> str:
    """A style or a script as a policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
