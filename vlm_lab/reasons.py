"""The sentences that decisions, doubts about references and warnings are told in.

report.json keeps what a sentence is made of, so that each form of the report says it in its own language.

A sentence is a msgid of `report/locale/*.po`; where it has two forms, `n` among its figures tells which is meant.
"""

import gettext
from collections.abc import Mapping
from typing import Any

from vlm_lab.types import Reason

ENGLISH = gettext.NullTranslations()  # a msgid is its own translation
SENTENCES: dict[str, tuple[str] | tuple[str, str]] = {
    # a rule held against a candidate
    "none_met": ("no rule is met for certain",),
    "no_rule": ("models.yaml sets no rule",),
    "interval": (
        "{name} {value:.3f} ({low:.3f} to {high:.3f}, {n} document), rule {rule:g}",
        "{name} {value:.3f} ({low:.3f} to {high:.3f}, {n} documents), rule {rule:g}",
    ),
    "limit": ("{name} {value:.3g}, rule {rule:g}",),
    "few_timed": (
        "{name} {value:.3g}, rule {rule:g}, but only {n} document was timed",
        "{name} {value:.3g}, rule {rule:g}, but only {n} documents were timed",
    ),
    "too_few": (
        "{name}: {n} document to judge by, too few for an interval",
        "{name}: {n} documents to judge by, too few for an interval",
    ),
    "no_figure": ("{name}: no such figure and no such field; figures: {known}",),
    "no_price": ("{name}: not measured (needs `price` in models.yaml, and replies timed on this machine)",),
    "no_memory": ("{name}: not measured (the backend does not say)",),
    "not_timed": ("{name}: not measured (no reply was timed on this machine; run with --replies=refresh)",),
    "open": ("not decided: {what}",),
    # what keeps a candidate from being chosen, whatever its figures
    "dry_run": ("a dry run: no model was called",),
    "skipped": ("{n} of {documents} cells was skipped", "{n} of {documents} cells were skipped"),
    "not_run": (
        "{n} of {documents} cells was not run: the run is partial",
        "{n} of {documents} cells were not run: the run is partial",
    ),
    "no_document": ("no document was planned",),
    # a candidate beside another
    "differs": (
        "{model} differs by {value:+.3f} ({low:+.3f} to {high:+.3f}) in {name} on {n} document",
        "{model} differs by {value:+.3f} ({low:+.3f} to {high:+.3f}) in {name} on {n} documents",
    ),
    "differs_somehow": (
        "{model} differs by {value:+.3f} in {name} on {n} document",
        "{model} differs by {value:+.3f} in {name} on {n} documents",
    ),
    "chance": ("{what}, which may be chance",),
    "better": ("{model} is better in {name}",),
    "beaten": ("meets every rule, but {what}",),
    "alike": ("cannot be told from {models} on these documents",),
    "beside": ("beside {model}, {what}",),
    "not_compared": ("not compared with {model}: no document that both answered",),
    # what weakens a word
    "best_prompt": (
        "the best of {n} prompt, picked on the same documents (its interval is widened)",
        "the best of {n} prompts, picked on the same documents (its interval is widened)",
    ),
    "flattered": (
        "{model} ({suite}): the best of {n} prompt was picked on the documents that it is judged by; its figure"
        " flatters, confirm it on others",
        "{model} ({suite}): the best of {n} prompts was picked on the documents that it is judged by; its figure"
        " flatters, confirm it on others",
    ),
    "unverified": ("nobody has checked the suite's references (verified: false)",),
    "more": ("About {n} more document would decide.", "About {n} more documents would decide."),
    # why a reference is doubted
    "doubtful": (
        "{n} value of the references is doubtful; vlm-lab corrections last lists it:",
        "{n} values of the references are doubtful; vlm-lab corrections last lists them:",
    ),
    "agreed": ("{n} family says {value!r}", "{n} families say {value!r}"),
    "disputed": (
        "{n} family says {value!r}, {agreeing} say as the reference does",
        "{n} families say {value!r}, {agreeing} say as the reference does",
    ),
    "no_date": ("is no date",),
    "no_amount": ("is no amount",),
    "no_code": ("no {name} ({said})",),
    "inn_digits": ("an ИНН has 10 or 12 digits, not {digits}: zeros at the front may be lost",),
    "sum": ("net {net} and tax {tax} do not make {gross}",),
    "rows": (
        "its {n} row adds up to {added}, as a candidate says",
        "its {n} rows add up to {added}, as a candidate says",
    ),
}


def english(reason: Reason) -> str:
    """`field_f1 0.970 (0.960 to 0.980, 100 documents), rule 0.95`"""
    return worded(reason, ENGLISH)


def worded(reason: Reason | str, words: gettext.NullTranslations) -> str:
    """A reason in the language of `words`; a plain text, as older runs have it, stays as it is."""
    if isinstance(reason, str):
        return reason
    forms, figures = SENTENCES[reason.kind], reason.figures
    said = words.gettext(forms[0]) if len(forms) == 1 else words.ngettext(forms[0], forms[1], figures["n"])
    return said.format(**{key: _figure(value, words) for key, value in figures.items()})


def _figure(value: Any, words: gettext.NullTranslations) -> Any:
    """A reason may stand within another; read back from JSON, it is a mapping."""
    if isinstance(value, Mapping) and value.keys() == {"kind", "figures"}:
        value = Reason(**value)
    return worded(value, words) if isinstance(value, Reason) else value
