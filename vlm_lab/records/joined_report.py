"""The reports of several runs -> one Report without figures: of what several say, the newest; of
what decides whether there is a word, the most cautious."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from vlm_lab.messages import Message
from vlm_lab.records.report_json import encode_json
from vlm_lab.types import CandidateKey, CaseKey, Report

Item = TypeVar("Item")


def join_reports(
    reports: Sequence[Report],
    differing_suites: set[str],
    cases: Mapping[CaseKey, Path],
    notes: Sequence[Message],
) -> Report:
    """What the runs say before their records; of what several say, the newest."""
    newest = reports[-1]
    documents = {(key[0], key[3]) for key in cases}
    candidates = {CandidateKey(*key[:3]) for key in cases}
    return Report(
        run=_join_run_facts(reports, differing_suites),
        environment=newest.environment,
        suites=_join_suites(reports),
        models=_keep_last((model.name, model) for report in reports for model in report.models),
        prompts=_keep_last(
            ((prompt["suite"], prompt["id"]), prompt)
            for report in reports
            for prompt in report.prompts
        ),
        documents=_keep_last(
            ((document["suite"], document["id"]), document)
            for report in reports
            for document in report.documents
            if (document["suite"], document["id"]) in documents
        ),
        probes=tuple(
            _keep_last(
                ((probe.candidate, probe.how), probe)
                for report in reports
                for probe in report.probes
                if probe.candidate in candidates
            )
        ),
        summaries=(),
        notes=[*notes, *_collect_notes(reports)],
    )


def _keep_last(keys_and_items: Iterable[tuple[Any, Item]]) -> list[Item]:
    """Each key's last item, in the order in which the keys first come."""
    return list(dict(keys_and_items).values())


def _join_run_facts(reports: Sequence[Report], differing_suites: set[str]) -> dict[str, Any]:
    """What is said of the runs themselves: of what decides whether there is a word, the most
    cautious."""
    heads = [report.run for report in reports]
    ids = [str(head["id"]) for head in heads]
    looks: dict[str, int] = {}
    holdouts: dict[str, Any] = {}
    for head in heads:
        for suite, count in (head.get("looks") or {}).items():
            looks[suite] = max(count, looks.get(suite, 0))
        for suite, holdout in (head.get("holdout") or {}).items():
            known = holdouts.setdefault(suite, holdout)
            holdouts[suite] = _choose_holdout(known, holdout)
    partial = {suite for head in heads for suite in head.get("partial") or ()}
    return {
        **heads[-1],
        "joined": ids,
        "command": ["vlm-lab", "report", ids[0], *(f"--with={run}" for run in ids[1:])],
        "partial": sorted(partial | differing_suites),
        "sweeps": _join_sweeps(heads),
        "looks": looks,
        "holdout": holdouts,
    }


def _join_sweeps(heads: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The values of one model's setting make one curve, whichever run asked them."""
    values: dict[tuple[str, str], dict[str, Any]] = {}
    for head in heads:
        for sweep in head.get("sweeps") or ():
            values.setdefault((sweep["model"], sweep["setting"]), {}).update(sweep["values"])
    return [
        {"model": model, "setting": setting, "values": values_by_name}
        for (model, setting), values_by_name in values.items()
    ]


def _choose_holdout(first: Mapping[str, Any], second: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one that was never opened (prompts are tuned on it), else the one opened most often."""
    if not first["opened"] or not second["opened"]:
        return first if not first["opened"] else second
    return max(first, second, key=lambda holdout: len(holdout["opened"]))


def _join_suites(reports: Sequence[Report]) -> list[Mapping[str, Any]]:
    """Each suite once; verified where all runs say so."""
    suites: dict[str, Mapping[str, Any]] = {}
    for report in reports:
        for suite in report.suites:
            is_verified = suites.get(suite["name"], suite)["verified"] and suite["verified"]
            suites[suite["name"]] = {**suite, "verified": is_verified}
    return list(suites.values())


def _collect_notes(reports: Sequence[Report]) -> list[str | Message]:
    """What the runs say of themselves, each once."""
    notes = {encode_json(note): note for report in reports for note in report.notes}
    return list(notes.values())
