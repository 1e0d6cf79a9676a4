"""A kind and its figures -> a sentence in the reader's language.

Decisions, doubts about references and warnings are told in these. report.json keeps what a sentence
is made of, so that each form of the report says it in its own language.

A sentence is a msgid of `report/locale/*.po`; where it has two forms, `n` among its figures tells
which is meant. A sentence `* 2` is the same for one and many in English and is not in others.

Sent to workers in other interpreters, whose errors are sentences, too: valid on Python 3.9.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import reduce
from typing import Any

from vlm_lab.failure_messages import FAILURE_MESSAGES
from vlm_lab.localization import localize_argument
from vlm_lab.model_messages import MODEL_MESSAGES


@dataclass(frozen=True)
class Message:
    """A sentence as data: `kind` names it among `vlm_lab.messages.MESSAGES`, `figures` are what
    stands in it."""

    kind: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return in_english(self)


ENGLISH = gettext.NullTranslations()  # a msgid is its own translation
MESSAGES: dict[str, tuple[str, ...]] = {
    **FAILURE_MESSAGES,
    **MODEL_MESSAGES,
    # a rule held against a candidate
    "none_met": ("no rule is met for certain",),
    "interval": (
        "{name} {value:.3f} ({low:.3f} to {high:.3f}, {n} document), rule {rule:g}",
        "{name} {value:.3f} ({low:.3f} to {high:.3f}, {n} documents), rule {rule:g}",
    ),
    "interval_of_groups": (
        "{name} {value:.3f} ({low:.3f} to {high:.3f}, {documents} documents in {n} group), rule"
        " {rule:g}",
        "{name} {value:.3f} ({low:.3f} to {high:.3f}, {documents} documents in {n} groups), rule"
        " {rule:g}",
    ),
    "interval_by_labels": (
        "{name} {value:.3f} ({low:.3f} to {high:.3f}, {n} label), rule {rule:g}",
        "{name} {value:.3f} ({low:.3f} to {high:.3f}, {n} labels), rule {rule:g}",
    ),
    "interval_by_agreement": (
        "{name} {value:.3f} ({low:.3f} to {high:.3f}, {n} label and agreement on {unlabelled}"
        " documents without one), rule {rule:g}",
        "{name} {value:.3f} ({low:.3f} to {high:.3f}, {n} labels and agreement on {unlabelled}"
        " documents without one), rule {rule:g}",
    ),
    "interval_at_any_time": (
        "{name} {value:.3f} ({low:.3f} to {high:.3f} at any time, {n} document), rule {rule:g}",
        "{name} {value:.3f} ({low:.3f} to {high:.3f} at any time, {n} documents), rule {rule:g}",
    ),
    "no_anytime": (
        "{name}: no bound that holds at any time; it takes the share of documents right, or a field"
        " outside of lists, labels that were not drawn, and no groups",
    ),
    "in_stratum": ("{tag} {value}: {what}",),
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
    "no_price": (
        "{name}: not measured (needs `price` in models.yaml, and replies timed on this machine)",
    ),
    "no_memory": ("{name}: not measured (the backend does not say)",),
    "not_timed": (
        "{name}: not measured (no reply was timed on this machine; run with --replies=refresh)",
    ),
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
    "alike_within": (
        "cannot be told from {models} on these documents, which show a difference in {name} of"
        " {value:.3f} or more four times in five",
    ),
    "equivalent": ("as good as {models}: differs by less than {limit:g} in {name}",),
    "judged_by_some": (
        "judged by {n} of {planned} documents, those that it is meant for or can be judged by",
    )
    * 2,
    "exploratory": (
        "exploratory: look {look} at the suite's documents where {n} was planned (decide: looks)",
        "exploratory: look {look} at the suite's documents where {n} were planned (decide: looks)",
    ),
    "own_reference": (
        "its answers are the files that the references are; where a person has verified a"
        " reference, it is judged",
    ),
    # the cheapest value of a setting that was swept
    "sweep_cheapest": ("{candidate}: {setting} {value} is the best of {n}, and the cheapest",) * 2,
    "sweep_best": (
        "{candidate}: {setting} {value} is the best of {n}, and each cheaper one is worse",
    )
    * 2,
    "sweep_alike": (
        "{candidate}: {setting} {value} is the cheapest of {n} that is shown to be as good as the"
        " best, within {limit:g}: {what}",
    )
    * 2,
    "sweep_not_worse": (
        "{candidate}: {setting} {value} is the cheapest of {n} that is not shown to be worse than"
        " the best; nor is it shown to be as good: {what}",
    )
    * 2,
    "sweep_no_margin": ("{what} ({key} says which difference does not matter)",),
    "sweep_left_out": ("{what}; not compared, as documents were not answered: {setting} {values}",),
    "sweep_too_few": (
        "{candidate}: no two values of {setting} were answered on all documents: nothing is"
        " compared",
    ),
    "beside": ("beside {model}, {what}",),
    "not_compared": ("not compared with {model}: no document that both answered",),
    # what weakens a word
    "best_prompt": (
        "the best of {n} prompt, picked on the same documents (its bounds allow for that)",
        "the best of {n} prompts, picked on the same documents (its bounds allow for that)",
    ),
    "flattered": (
        "{model} ({suite}): the best of {n} prompt was picked on the documents that it is judged"
        " by; its figure flatters, confirm it on others",
        "{model} ({suite}): the best of {n} prompts was picked on the documents that it is judged"
        " by; its figure flatters, confirm it on others",
    ),
    "unverified": ("nobody has checked the suite's references (verified: false)",),
    "partly_verified": ("nobody has checked {n} of the suite's {documents} references",) * 2,
    "more": ("About {n} more document would decide.", "About {n} more documents would decide."),
    "more_drawn": (
        "About {n} more label, drawn as these were, would decide.",
        "About {n} more labels, drawn as these were, would decide.",
    ),
    # what a candidate comes to, in words of the trade
    "reads": (
        "{candidate} reads {right} of {n} document fully right",
        "{candidate} reads {right} of {n} documents fully right",
    ),
    "fully_right": (
        "{right} of {n} document fully right",
        "{right} of {n} documents fully right",
    ),
    "none_judged": ("no document could be judged",),
    "read_wrong": ("{n} field read wrong", "{n} fields read wrong"),
    "not_read": ("{n} field not read", "{n} fields not read"),
    "made_up": (
        "{n} field given that the document does not have",
        "{n} fields given that the document does not have",
    ),
    "unanswered": ("{n} document not answered", "{n} documents not answered"),
    "unasked": ("{n} document not asked about", "{n} documents not asked about"),
    "unlabelled": ("{n} document without a reference", "{n} documents without a reference"),
    "totals_wrong": ("{n} total is wrong", "{n} totals are wrong"),
    "off_in_all": ("{amounts} off in all",),
    "is_today": ("this is today's pipeline",),
    "better_than_today": ("better than today's pipeline",),
    "worse_than_today": ("worse than today's pipeline",),
    "not_worse_than_today": ("not worse than today's pipeline",),
    "like_today_within": (
        "no difference from today's pipeline is shown; at worst {value:.1%} more fields are wrong",
    ),
    "like_today": ("no difference from today's pipeline is shown",),
    "cost_per_1000": ("{cost} for 1,000 documents",),
    "cost_per_right": ("{cost} for each that is fully right",),
    "expected_cost": (
        "a document is expected to cost {total} (model {reading}, corrections {corrections},"
        " errors that nobody sees {unseen_errors})",
    ),
    "expected_cost_unpriced": (
        "a document is expected to cost {total} (corrections {corrections}, errors that nobody"
        " sees {unseen_errors}; what the model itself costs is not known)",
    ),
    "cost_beside_today": ("{what}; with today's pipeline {today}",),
    # a run beside the one that was accepted
    "gate_ok": ("Not worse than the run that was accepted ({run}).",),
    "gate_regressed": ("Worse than the run that was accepted ({run}).",),
    "gate_not_comparable": ("Cannot be held against the run that was accepted ({run}).",),
    "gate_none_run": ("no candidate of the baseline ({run}) was run",),
    "gate_absent": ("left out: {candidate} was not in this run",),
    "gate_other_schema": ("{candidate}: not comparable: the schema is another one",),
    "gate_other_prompt": ("{candidate}: not comparable: the prompt is another one",),
    "gate_one_document": (
        "{candidate}: not comparable: the baseline has one document, which can tell nothing",
    ),
    "gate_none_answered": (
        "{candidate}: not comparable: it answered no document in the run that was accepted",
    ),
    "gate_few_documents": (
        "{candidate}: not comparable: {n} of the baseline's {documents} documents remain, 80 % are"
        " needed",
    )
    * 2,
    "gate_failures": ("{candidate}: regressed: {failures}",),
    "score_fell": (
        "{name} fell by {value:.3f} ({low:.3f} to {high:.3f}) on {n} document, allowed is"
        " {limit:g}",
        "{name} fell by {value:.3f} ({low:.3f} to {high:.3f}) on {n} documents, allowed is"
        " {limit:g}",
    ),
    "errors_now": ("now an error, answered before: {names}",),
    "fields_lost": ("fields that were right are not",),
    "gate_lost": ("{candidate}: lost {fields}",),
    "lost_field": ("{field} on {names}",),
    "gate_compared": (
        "{candidate}: {n} document compared with the baseline; median seconds {before:.2f} ->"
        " {now:.2f}",
        "{candidate}: {n} documents compared with the baseline; median seconds {before:.2f} ->"
        " {now:.2f}",
    ),
    "gate_compared_untimed": (
        "{candidate}: {n} document compared with the baseline; seconds are not known",
        "{candidate}: {n} documents compared with the baseline; seconds are not known",
    ),
    "gate_power": ("{candidate}: a fall {falls} may not be seen (80 % power)",),
    "fall_of": ("of {name} by less than {value:.3f}",),
    "either": ("{what} or {other}",),
    "gate_changed": (
        "{candidate}: left out (not comparable: the document, its reference, a correction or a"
        " rule of suite.yaml changed): {names}",
    ),
    "gate_gone": ("{candidate}: left out (gone or not answered): {names}",),
    # what to do next
    "next": ("next: {what}",),
    "holds_for_all": ("For all candidates: {what}.",),
    "replace_files": (
        "replace {names} and go on with the run, or leave it out and start another: {n} document"
        " cannot be read",
        "replace {names} and go on with the run, or leave them out and start another: {n} documents"
        " cannot be read",
    ),
    "correct_prompt": (
        "correct the prompt {prompt} and go on with the run: {n} document has no answer",
        "correct the prompt {prompt} and go on with the run: {n} documents have no answer",
    ),
    "finish_run": (
        "go on with the run: {n} document has no answer",
        "go on with the run: {n} documents have no answer",
    ),
    "see_skips": (
        "see what it lacks: {n} document was skipped",
        "see what it lacks: {n} documents were skipped",
    ),
    "check_doubtful": ("check {n} doubtful reference", "check {n} doubtful references"),
    "check_references": ("check the references against their pages, and list them as verified",),
    "label_drawn": (
        "label the {n} document without a reference",
        "of {n} documents without a reference, label those that tell most",
    ),
    "label_more": (
        "label about {n} more document, then run again",
        "label about {n} more documents, then run again",
    ),
    "draw_more": (
        "draw and label about {n} more document, then run again",
        "draw and label about {n} more documents, then run again",
    ),
    "hand_over": ("hand it over to your pipeline",),
    "accept_run": ("hold later runs against this one",),
    "see_errors": ("look at what it reads wrong",),
    # why a reference is doubted
    "doubtful": (
        "{n} value of the references is doubtful; {command} lists it:",
        "{n} values of the references are doubtful; {command} lists them:",
    ),
    "agreed": ("{n} family says {value}", "{n} families say {value}"),
    "disputed": (
        "{n} family says {value}, {agreeing} say as the reference does",
        "{n} families say {value}, {agreeing} say as the reference does",
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
    # a suite's documents and references
    "and_more": ("{names} and {n} more",),
    "namesake": ("{name}: another document is called {called!r} too; this one is {id!r}",),
    "unmatched": (
        "{n} document without reference: {names}; they run unscored",
        "{n} documents without reference: {names}; they run unscored",
    ),
    "unused": (
        "{n} reference without document: {names}",
        "{n} references without document: {names}",
    ),
    "unreadable": ("{name}: is not readable JSON ({said}); its document runs unscored",),
    "no_object": ("{name}: holds no object (got {type}); its document runs unscored",),
    "no_object_at": ("{name}: holds no object at {path} (got {type}); its document runs unscored",),
    "runs_unscored": ("{said}; its document runs unscored",),
    "too_deep": ("{name}: is nested too deeply to be read; its document runs unscored",),
    "objects_differ": ("{name}: its {n} objects differ in {fields}; its document runs unscored",)
    * 2,
    "not_utf8": (
        "{n} reference file is not UTF-8, read as {encoding}: {names}",
        "{n} reference files are not UTF-8, read as {encoding}: {names}",
    ),
    "nan_values": (
        "{n} reference file has NaN or Infinity, read as null ({values} in all): {names}",
        "{n} reference files have NaN or Infinity, read as null ({values} in all): {names}",
    ),
    "repeated_keys": (
        "{n} reference file has a key twice in one object, its last value is used: {names}",
        "{n} reference files have a key twice in one object, its last value is used: {names}",
    ),
    "joined_objects": (
        "{n} reference holds several objects, read as one: {names}",
        "{n} references hold several objects, read as one: {names}",
    ),
    "no_cluster": (
        "{suite}: no document has the tag {tag} that `cluster` names: each stands for itself",
    ),
    "no_field": ("{name}: the schema has no field {fields}; not scored",),
    "no_reference": ("{suite}: no document has a reference; nothing will be scored",),
    "never_scored": ("in no reference, never scored: {fields}",),
    "numbers": (
        "{field}: {n} came as JSON numbers, for example {value}; compared as identifiers, but zeros"
        " at the front may be lost",
    )
    * 2,
    "no_type": ("{field}: {n} of {seen} are no {type}, for example {value}",) * 2,
    "invalid": ("{field}: {n} of {seen}: {why}",),
    "dates_written": ("dates are written {ways}",),
    "amounts_written": ("amounts are written {ways}",),
    "way_month": ("12 March 2024 ({n})",),
    "way_currency": ("with their currency ({n})",),
    "way_numbers": ("as JSON numbers ({n})",),
    "way_otherwise": ("otherwise ({n})",),
    "verified": ("{verified} of {n} references are verified by a person",) * 2,
    # what a folder has beside documents, and documents beside the pages that are shown
    "no_documents": (
        "{n} file is no document ({why}): {names}",
        "{n} files are no documents ({why}): {names}",
    ),
    "documents_sampled": (
        "{n} documents were read, and all are counted; this report names {shown} of them: a sample,"
        " and the first of those without an answer. The records of all are in the run's folder",
    )
    * 2,
    "left_out": (
        "{n} document has more than the {limit} first pages, which alone are shown: {names}; show"
        " more with pages.max in suite.yaml or --max-pages",
        "{n} documents have more than the {limit} first pages, which alone are shown: {names}; show"
        " more with pages.max in suite.yaml or --max-pages",
    ),
    "values_left_out": ("{name}: stands on no page that is shown ({limit}), not judged: {fields}",),
    # what a page came out as
    "record_notes": ("about {name}: {notes}",),
    "page_reduced": ("page {page}: drawn at {dpi} dpi, {asked} would be too large",),
    "picture_reduced": ("page {page}: made smaller, {width} × {height} pixels",),
    "page_tiny": ("page {page}: is {width} × {height} pixels, nothing can be read on it",),
    "page_white": ("page {page}: came out white",),
    "page_black": ("page {page}: came out black",),
    "crop_box_ignored": ("page {page}: its crop box lies beside it, the whole page is shown",),
    "pixels_squared": (
        "page {page}: its pixels are not square ({across} × {down} to the inch), made so",
    ),
    "library_note": ("a library says: {said}",),
    # what a recorded reply has beside what is read
    "unused_keys": ("keys that are not known or not of their type, not used: {names}",),
    # corrections of references; `place` is file, document and field
    "nothing": ("nothing",),
    "corrected": ("{place}: corrected from {then} to {now}",),
    "correct_already": ("{place}: the reference is {now} already",),
    "changed_since": ("{place}: not corrected: the reference is {now} now, not {then}",),
    "no_row": ("{place}: not corrected: the reference has no such row",),
    "none_to_correct": ("{place}: has no reference to correct",),
    "unused_correction": ("{file}: no document {name}; its corrections are not used",),
    # rules that so few documents cannot show
    "unprovable": (
        "{suite}: {name} {rule:g} cannot be shown with {documents} documents; were all right, it"
        " would take {needed} for {n} candidate",
        "{suite}: {name} {rule:g} cannot be shown with {documents} documents; were all right, it"
        " would take {needed} for {n} candidates",
    ),
    "labelling": (
        "{suite}: {n} more document to label, about {hours:.1f} hours at {minutes:g} minutes each;"
        " {command} says it for each rule",
        "{suite}: {n} more documents to label, about {hours:.1f} hours at {minutes:g} minutes each;"
        " {command} says it for each rule",
    ),
    "lacks_settings": ("{model}: still lacks {settings}; {command} prints what to type",),
    "starts_server": (
        "{model}: {engine} is started for it when its first case comes, which may take minutes",
    ),
    "not_counted": (
        "{n} model that is not on this machine is not counted in that: {models}",
        "{n} models that are not on this machine are not counted in that: {models}",
    ),
    "unprovable_by_groups": (
        "{suite}: {name} {rule:g} cannot be shown with {documents} documents in {groups} groups;"
        " were all right, it would take {needed} groups for {n} candidate",
        "{suite}: {name} {rule:g} cannot be shown with {documents} documents in {groups} groups;"
        " were all right, it would take {needed} groups for {n} candidates",
    ),
    # documents that are read alike
    "alike_in_groups": (
        "{suite}: {candidate} reads documents of one {tag} alike (intra-cluster correlation"
        " {low:.2f}, {n} groups): intervals are too narrow, as if there were {value:.1f}"
        " times as many documents; write cluster: {tag} into suite.yaml",
    )
    * 2,
    # which documents a word is from
    "tuned_on": (
        "{suite}: {n} document that prompts are tuned on; the word comes from the others:"
        " {command}",
        "{suite}: {n} documents that prompts are tuned on; the word comes from the others:"
        " {command}",
    ),
    "holdout_again": (
        "{suite}: the holdout was opened {n} times, first on {first}: it is no longer unseen",
    )
    * 2,
    # documents that were labelled on the page
    "prefill_bias": (
        "{suite}: when documents were labelled, people changed {what} that were prefilled; of"
        " values that candidates agreed on and nobody was shown, they found wrong {blind}",
    ),
    "prefill_bias_unknown": (
        "{suite}: the bias of prefilling is not measured: {n} blind document with values that"
        " candidates agreed on; people changed {what} that were prefilled",
        "{suite}: the bias of prefilling is not measured: {n} blind documents with values that"
        " candidates agreed on; people changed {what} that were prefilled",
    ),
    "share_with_interval": (
        "{value:.1%} ({low:.1%} to {high:.1%}, {documents} documents) of {n} value",
        "{value:.1%} ({low:.1%} to {high:.1%}, {documents} documents) of {n} values",
    ),
    "share_of_values": ("{value:.1%} of {n} value", "{value:.1%} of {n} values"),
    "no_values": ("none of 0 values",),
    "pages_not_drawn": (
        "page images of {n} document are not drawn: the report has those of {drawn}, doubtful"
        " references and examples of errors first; {command} draws others as they are opened",
        "page images of {n} documents are not drawn: the report has those of {drawn}, doubtful"
        " references and examples of errors first; {command} draws others as they are opened",
    ),
    # how a run was started
    "distributed": (
        "{plugin}: several models ran at once, seconds are what each took beside the others;"
        " {timer} and its table are off, the suite's own clock timed the replies",
    ),
    "repeated": (
        "{n} case came more than once (a plugin that repeats, or a path named twice): it counts"
        " once, with its first answer",
        "{n} cases came more than once (a plugin that repeats, or a path named twice): each counts"
        " once, with its first answer",
    ),
    # what changed before a run was gone on with
    "changed_prompt": ("the prompt {names} is another now: its cases are asked again",),
    "changed_document": (
        "{n} document is another now, asked again: {names}",
        "{n} documents are others now, asked again: {names}",
    ),
    "changed_reference": (
        "the reference of {n} document is another now, asked again: {names}",
        "the references of {n} documents are others now, asked again: {names}",
    ),
    "changed_settings": ("the settings of {names} are others now: asked again",),
    "no_longer_there": (
        "{n} case of this run is there no longer: {names}",
        "{n} cases of this run are there no longer: {names}",
    ),
    "cache_not_written": (
        "replies are not kept for other runs: {path}: cannot be written ({said}); every answer is"
        " in this run's folder",
    ),
    "offline": (
        "Scenario offline: many requests at once; no reply has seconds of its own, and"
        " pytest-benchmark times none.",
    ),
    "not_isolated": (
        "{models}: unsafe: code of your own that hangs or exits ends the whole run"
        " (isolate: false)",
    ),
    # what is known of a model before it is loaded
    "no_chat_template": (
        "{model}: the checkpoint has no chat template; it is asked in a plain form ({form}), which"
        " a model that was trained to chat may not understand; put its own into {file}",
    ),
    # what was odd about the text of pages that another model read
    "reading_cut": ("{model}: its text of the pages ends at its limit of tokens",),
    "reading_too_long": (
        "{model}: its text of the pages has more than {limit:,} characters, which no pages have;"
        " the rest is left out",
    ),
    # what a dry run foresees
    "too_long": ("{document} needs about {n:,} tokens, the limit is {limit:,} (max_new_tokens)",)
    * 2,
    "not_itself": (
        "{document}: its reference does not score 1.0 against itself; see the case's file",
    ),
    "more_no_weights": (
        "the weights of {n} model are not here: {names}; {command} says how each is had",
        "the weights of {n} models are not here: {names}; {command} says how each is had",
    ),
    "more_too_long": (
        "{n} document needs more tokens than its limit (max_new_tokens), up to {most:,} of"
        " {limit:,}: {names}",
        "{n} documents need more tokens than their limit (max_new_tokens), up to {most:,} of"
        " {limit:,}: {names}",
    ),
    "more_not_itself": (
        "the references of {n} document do not score 1.0 against themselves: {names}",
        "the references of {n} documents do not score 1.0 against themselves: {names}",
    ),
    "each_in": ("each of them is in {path}",),
    # replies that say something and nothing that was asked for
    "other_keys": (
        "{candidate}: {n} of {documents} replies has none of the schema's keys; its score does not"
        " say how well it reads: name the keys in the prompt",
        "{candidate}: {n} of {documents} replies have none of the schema's keys; its score does not"
        " say how well it reads: name the keys in the prompt",
    ),
    "other_shape": (
        "{candidate}: {n} of {documents} replies has the schema's keys in a shape that cannot be"
        " read; its score does not say how well it reads: show the shape in the prompt",
        "{candidate}: {n} of {documents} replies have the schema's keys in a shape that cannot be"
        " read; its score does not say how well it reads: show the shape in the prompt",
    ),
    # second answers
    "asked_again": ("asked again: {candidate}: alone {alone}; batch {batch}",),
    "not_asked_again": ("asked again: not measured: {why}",),
    "flipped": (
        "{flipped} of {values} values flipped{where}, {identical} of {repeats} replies"
        " identical{failed}",
    ),
    "more_flips": (" ({places}, ... and {n} more)",),
    "no_second_reply": (", {n} without a second reply",),
    "not_measured": ("not measured: {why}",),
    "no_first_answer": ("no document has a first answer",),
    "replayed": ("its answers are replayed",),
    "no_batch": ("one document is no batch",),
    "one_at_a_time": ("backend {backend} asks one prompt at a time",),
    "calls_no_model": ("{option} calls no model",),
    "too_late": ("the run ended before it, or was resumed after its cases",),
    # what the share that could be booked unseen does not show
    "no_confidence": ("the backend gives no log-probabilities, and no check could be made",),
    "never_sure": ("at no confidence are {target:.0%} of these documents right",),
    "confirm": ("the threshold was chosen on these documents: confirm it on others",),
    "not_shown": (
        "{wrong} of {n} booked documents were wrong, which shows {low:.1%} and not {target:.0%}:"
        " that takes {needed} without an error",
    )
    * 2,
    # what tells right values from wrong ones
    "signal_families": ("other families of models",),
    "signal_readings": ("other readings by its own family",),
    "signal_page_words": ("the words of the pages",),
    "signal_arithmetic": ("sums, dates and check digits",),
    "signal_log_probability": ("log-probabilities",),
    "signals_measured": ("signals that there were: {measured}; not measured: {absent}",),
    "signals_all_measured": ("signals that there were: {measured}",),
    "no_signals": (
        "nothing tells right from wrong: there is no other candidate, no log-probabilities and no"
        " sum that could be checked",
    ),
    "too_few_values": (
        "not enough to tell right from wrong: {right} right values and {wrong} wrong ones in"
        " {seen} documents, where {needed} of each in {documents} are needed; label about {n}"
        " more document",
        "not enough to tell right from wrong: {right} right values and {wrong} wrong ones in"
        " {seen} documents, where {needed} of each in {documents} are needed; label about {n}"
        " more documents",
    ),
    # what may be booked unseen
    "policy_shown": (
        "{booked} of {n} document are booked unseen, {wrong} of them wrong: at least {low:.2%} are"
        " right",
        "{booked} of {n} documents are booked unseen, {wrong} of them wrong: at least {low:.2%} are"
        " right",
    ),
    "policy_not_shown": (
        "no booking unseen yet: {booked} of {documents} documents would be booked, {wrong} of them"
        " wrong, which shows {low:.2%} and not {target:.1%}; about {n} more labelled document like"
        " these would show it",
        "no booking unseen yet: {booked} of {documents} documents would be booked, {wrong} of them"
        " wrong, which shows {low:.2%} and not {target:.1%}; about {n} more labelled documents like"
        " these would show it",
    ),
    "policy_never_shown": (
        "no booking unseen: {booked} of {documents} documents would be booked, {wrong} of them"
        " wrong, which is more than {target:.1%} right allows; more documents like these would not"
        " show it",
    ),
    "policy_books_none": (
        "no booking unseen: at no confidence are {target:.1%} of {documents} documents right; it"
        " would take {needed} booked without an error",
    ),
    # whether a policy kept its promise
    "policy_held": (
        "{candidate}: the policy kept its promise of {target:.1%}: {booked} of {n} document booked"
        " unseen, {wrong} of them wrong, at least {low:.2%} right",
        "{candidate}: the policy kept its promise of {target:.1%}: {booked} of {n} documents booked"
        " unseen, {wrong} of them wrong, at least {low:.2%} right",
    ),
    "policy_broken": (
        "{candidate}: the policy broke its promise of {target:.1%}: {booked} of {n} document booked"
        " unseen, {wrong} of them wrong, at most {high:.2%} right",
        "{candidate}: the policy broke its promise of {target:.1%}: {booked} of {n} documents"
        " booked unseen, {wrong} of them wrong, at most {high:.2%} right",
    ),
    "policy_open": (
        "{candidate}: whether the policy keeps its promise of {target:.1%} is not shown: {booked}"
        " of {n} document booked unseen, {wrong} of them wrong, {low:.2%} to {high:.2%} right",
        "{candidate}: whether the policy keeps its promise of {target:.1%} is not shown: {booked}"
        " of {n} documents booked unseen, {wrong} of them wrong, {low:.2%} to {high:.2%} right",
    ),
    "policy_booked_none": (
        "{candidate}: the policy for {target:.1%} books none of {n} document",
        "{candidate}: the policy for {target:.1%} books none of {n} documents",
    ),
    "policy_not_checked": (
        "{candidate}: the policy for {target:.1%} was not held against this run: {why}",
    ),
    "policy_unlabelled": (
        "{candidate}: of {n} document without a reference {booked} would be booked unseen",
        "{candidate}: of {n} documents without a reference {booked} would be booked unseen",
    ),
    "policy_unlabelled_unknown": (
        "{candidate}: of {n} document without a reference it cannot be told how many would be"
        " booked: records have log-probabilities of labelled values alone",
        "{candidate}: of {n} documents without a reference it cannot be told how many would be"
        " booked: records have log-probabilities of labelled values alone",
    ),
    "policy_other_signals": ("it is made of other signals than these",),
    "policy_other_fields": ("the suite's fields are others now",),
    "policy_other_prompt": ("the prompt is another one now",),
    "policy_lacks_candidates": ("it needs the answers of {names}",),
    "policy_no_new_document": (
        "there is no document with a reference beside those that it stands on",
    ),
    "policy_unreadable": ("a policy cannot be used: {what}",),
    # why there is no word about any candidate
    "undecided": ("Nothing is decided: {why}.",),
    "dry": ("a dry run calls no model",),
    "none_ran": ("no model was run",),
    "part": ("only a part of the suite was run",),
    "differing": ("the joined runs asked other documents, or only a part of the suite",),
    "tuning": ("these are the documents that prompts are tuned on; run with --holdout",),
    # what is to be known of runs that are joined
    "joined": ("This report joins the runs {names}.",),
    "joined_newest": ("In several of the runs: {names}; the answers of {run} count.",),
    "joined_lone_suite": ("Suite {suite} was asked in {run} alone.",),
    "joined_left_out": (
        "Suite {suite}: {n} document left out, so there is no word ({why}): {names}",
        "Suite {suite}: {n} documents left out, so there is no word ({why}): {names}",
    ),
    "other_file": ("another file in the runs",),
    "other_reference": ("another reference in the runs",),
    "other_scoring": ("a correction or a rule of suite.yaml is another in the runs",),
    "not_in_all_runs": ("not every run asked it",),
    "joined_prompts": (
        "Prompts of one name and another text in the runs: {names}; each candidate was asked with"
        " its own run's.",
    ),
    "joined_settings": (
        "Models with other settings in the runs: {names}; each prompt was asked with its own"
        " run's.",
    ),
    "joined_machines": (
        "The runs were made on different machines or devices: their seconds do not compare.",
    ),
}


def in_english(reason: Message | str) -> str:
    """`field_f1 0.970 (0.960 to 0.980, 100 documents), rule 0.95`"""
    return translate_message(reason, ENGLISH)


def translate_message(reason: Message | str, catalogue: gettext.NullTranslations) -> str:
    """A reason in the language of `words`; a plain text, as backends and servers say it, stays as
    it is."""
    if isinstance(reason, str):
        return reason
    msgids, arguments = MESSAGES[reason.kind], reason.figures
    template = (
        catalogue.gettext(msgids[0])
        if len(msgids) == 1
        else catalogue.ngettext(msgids[0], msgids[1], arguments["n"])
    )
    return template.format(
        **{key: _translate_argument(value, catalogue) for key, value in arguments.items()}
    )


def encode_message(reason: Message | str) -> dict[str, Any] | str:
    """A reason as JSON and pipes take it."""
    return reason if isinstance(reason, str) else asdict(reason)


def decode_message(value: Mapping[str, Any] | str) -> Message | str:
    """What `encode_message` was given."""
    return value if isinstance(value, str) else Message(**value)


def translate_messages(
    reasons: Iterable[Message], catalogue: gettext.NullTranslations = ENGLISH
) -> list[str]:
    """A sentence for each reason."""
    return [translate_message(reason, catalogue) for reason in reasons]


def list_first_names(names: Sequence[str], limit: int = 3) -> Message | str:
    """The first names, and how many more there are."""
    shown_names, hidden_count = ", ".join(names[:limit]), len(names) - limit
    return (
        Message("and_more", {"names": shown_names, "n": hidden_count})
        if hidden_count > 0
        else shown_names
    )


def list_alternatives(alternatives: Sequence[Message | str]) -> Message | str:
    """`ru or en`"""

    def join(first: Message | str, other: Message | str) -> Message:
        return Message("either", {"what": first, "other": other})

    return reduce(join, alternatives)


def _translate_argument(value: Any, catalogue: gettext.NullTranslations) -> Any:
    """A reason may stand within another, alone or in a list; read back from JSON, it is a
    mapping. What has a comma of its own in a list is set off by semicolons."""
    if isinstance(value, (list, tuple)):
        texts = [str(_translate_argument(item, catalogue)) for item in value]
        return ("; " if any("," in text for text in texts) else ", ").join(texts)
    if isinstance(value, Mapping) and value.keys() == {"kind", "figures"}:
        value = Message(**value)
    if isinstance(value, Message):
        return translate_message(value, catalogue)
    return localize_argument(value, catalogue)
