"""A policy beside a suite and a later run -> whether the promise held.

Only documents count that the policy does not stand on: those it was chosen on would flatter it.
What is booked is decided as it would be without any reference; the references then say what of it
is right.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from vlm_lab.analysis.answers import AnswerIndex, SuiteFields, index_answers
from vlm_lab.analysis.logistic import build_features, list_features, order_weights, predict_right
from vlm_lab.analysis.signals import SIGNALS, DocumentSample, collect_samples
from vlm_lab.analysis.straight_through import bound_share_right
from vlm_lab.analysis.units import index_units
from vlm_lab.decision.policy import (
    POLICY_FILE,
    Policy,
    find_prompt_hash,
    hash_document,
    hash_fields,
    read_policy,
)
from vlm_lab.decision.run_decisions import find_clusters
from vlm_lab.errors import UserError
from vlm_lab.messages import Message
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Estimate, PolicyCheck, Record, Report

ReadRecords = Callable[[], Iterable[Record]]


def check_policies(
    report: Report, read_records: ReadRecords, suites: Mapping[str, SuiteFields]
) -> list[PolicyCheck]:
    """One for each suite of the run that has a policy of one of the run's candidates."""
    return list(_iterate_checks(report, read_records, suites))


def find_policy_faults(report: Report) -> list[Message]:
    """What is wrong with the files that should be policies."""
    faults = []
    for path in _list_policy_files(report):
        try:
            read_policy(path)
        except UserError as error:
            faults.append(Message("policy_unreadable", {"what": terminal_safe(str(error))}))
    return faults


def _list_policy_files(report: Report) -> list[Path]:
    paths = [Path(suite["folder"], POLICY_FILE) for suite in report.suites if suite.get("folder")]
    return [path for path in paths if path.is_file()]


def _iterate_checks(
    report: Report, read_records: ReadRecords, suites: Mapping[str, SuiteFields]
) -> Iterator[PolicyCheck]:
    candidates = {summary.candidate for summary in report.summaries}
    for path in _list_policy_files(report):
        try:
            policy = read_policy(path)
        except UserError:
            continue
        if policy.candidate in candidates and policy.suite in suites:
            yield _check_policy(report, policy, read_records, suites)


def _check_policy(
    report: Report, policy: Policy, read_records: ReadRecords, suites: Mapping[str, SuiteFields]
) -> PolicyCheck:
    unchecked = PolicyCheck(
        **policy.candidate._asdict(), target=policy.target, outcome="not_checked"
    )
    suite = {policy.suite: suites[policy.suite]}
    records = _select_records(read_records, policy)
    index = index_answers(records(), suite)
    reason = _explain_other_conditions(report, policy, suites[policy.suite], index)
    if reason:
        return replace(unchecked, note=reason)
    documents = [
        document
        for candidate, document in collect_samples(records(), index, suite)
        if candidate == policy.candidate
        and hash_document(document.sha256) not in policy.document_hashes
    ]
    cluster = find_clusters(report)[policy.suite]
    return _count_booked(unchecked, policy, documents, cluster)


def _select_records(read_records: ReadRecords, policy: Policy) -> ReadRecords:
    """Of the policy's candidate and of those that its values are held against."""

    def read_selected() -> Iterator[Record]:
        wanted = {policy.candidate.label, *policy.beside}
        for record in read_records():
            if record.suite == policy.suite and record.candidate.label in wanted:
                yield record

    return read_selected


def _explain_other_conditions(
    report: Report, policy: Policy, suite: SuiteFields, index: AnswerIndex
) -> Message | None:
    """Why the run tells nothing of this policy."""
    if set(policy.weights) != set(list_features(SIGNALS)):
        return Message("policy_other_signals")
    if hash_fields(suite) != policy.fields_sha256:
        return Message("policy_other_fields")
    if find_prompt_hash(report, policy.candidate) != policy.prompt_sha256:
        return Message("policy_other_prompt")
    answered = {candidate.label for candidate in index.answered_fields}
    lacking = [label for label in policy.beside if label not in answered]
    return Message("policy_lacks_candidates", {"names": ", ".join(lacking)}) if lacking else None


def _count_booked(
    unchecked: PolicyCheck, policy: Policy, documents: list[DocumentSample], cluster: str
) -> PolicyCheck:
    labelled = [document for document in documents if document.is_right is not None]
    unlabelled = [document for document in documents if document.is_right is None]
    booked = [document for document in labelled if is_booked(document, policy)]
    wrong_count = sum(not document.is_right for document in booked)
    unlabelled_booked: int | None = sum(is_booked(document, policy) for document in unlabelled)
    if "log_probability" in policy.signals:  # which records have of labelled values alone
        unlabelled_booked = None
    check = replace(
        unchecked,
        documents=len(labelled),
        booked=len(booked),
        wrong=wrong_count,
        unlabelled=len(unlabelled),
        unlabelled_booked=unlabelled_booked,
    )
    if not labelled:
        return replace(check, note=Message("policy_no_new_document"))
    if not booked:
        return replace(check, outcome="not_shown")
    right = _estimate_right(booked, cluster)
    return replace(check, right=right, outcome=_choose_outcome(right, policy.target))


def _estimate_right(booked: list[DocumentSample], cluster: str) -> Estimate:
    right = np.array([bool(document.is_right) for document in booked], np.float64)
    return bound_share_right(right, index_units([document.tags for document in booked], cluster))


def _choose_outcome(right: Estimate, target: float) -> Literal["held", "broken", "not_shown"]:
    if (right.low or 0) >= target:
        return "held"
    return "broken" if right.high is not None and right.high < target else "not_shown"


def is_booked(document: DocumentSample, policy: Policy) -> bool:
    """Whether a policy books a document unseen: no reference is looked at."""
    if not document.is_answered or not document.values:
        return False
    features = build_features(document.values, SIGNALS)
    probabilities = predict_right(features, order_weights(policy.weights, SIGNALS))
    return bool(probabilities.min() >= policy.threshold)
