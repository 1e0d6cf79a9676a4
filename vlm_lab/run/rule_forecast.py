"""The rules and what is planned -> how many documents each rule takes, said before the run costs a
night and before labels are made.

Even with no error at all a rule takes so many documents, the more the more candidates are judged by
them. Candidates that cannot run here are not judged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vlm_lab.analysis.anytime_bounds import count_anytime_labels
from vlm_lab.analysis.power import count_units_all_right
from vlm_lab.commands import format_command
from vlm_lab.messages import Message, list_first_names
from vlm_lab.suite.tags import label_group, split_by_tag
from vlm_lab.types import UPPER_LIMITS, Case, Document, Rules

MINUTES_PER_HOUR = 60
MINUTES_PER_LABEL = 3.0  # of one document, where nobody says otherwise


@dataclass(frozen=True, slots=True)
class RuleForecast:
    """One rule in one suite or stratum of it. `units` are documents, or the groups of `cluster`;
    `needed` are the fewest that can show the rule for all candidates, `needed_alone` for one; None
    where no number can."""

    place: str
    figure: str
    threshold: float
    documents: int
    units: int
    cluster: str
    candidates: int
    needed: int | None
    needed_alone: int | None

    @property
    def is_provable(self) -> bool:
        return self.needed is not None and self.units >= self.needed

    @property
    def missing(self) -> int:
        """How many units are still to be labelled."""
        return max(0, (self.needed or 0) - self.units)


def forecast_rules(
    cases: Sequence[Case], rules: Rules, absent_models: Sequence[str]
) -> list[RuleForecast]:
    """Each rule that is a least share, in each suite and stratum. Of the candidates those are
    counted that are not absent; all, where none is here."""
    forecasts: list[RuleForecast] = []
    for suite in dict.fromkeys(case.document.suite.name for case in cases):
        suite_cases = [case for case in cases if case.document.suite.name == suite]
        candidates = {case.candidate for case in suite_cases}
        present = {candidate for candidate in candidates if candidate.model not in absent_models}
        documents = {case.document.id: case.document for case in suite_cases}
        strata = split_by_tag({name: each.tags for name, each in documents.items()}, rules.by)
        for value, names in strata.items():
            stratum = [documents[name] for name in names]
            place = f"{suite}, {rules.by} {value}" if value else suite
            candidate_count = len(present or candidates)
            forecasts += _forecast_stratum(place, stratum, rules, len(strata), candidate_count)
    return forecasts


def find_unprovable_rules(
    cases: Sequence[Case], rules: Rules, absent_models: Sequence[str]
) -> list[Message]:
    """One message for each rule that even documents that are all right would not show."""
    forecasts = forecast_rules(cases, rules, absent_models)
    unprovable = [each for each in forecasts if each.needed and not each.is_provable]
    messages = [*map(_describe_unprovable, unprovable), *_describe_labelling(unprovable)]
    planned_models = {case.model.name for case in cases}
    if messages and absent_models and planned_models > set(absent_models):
        names = list_first_names(list(absent_models))
        messages.append(Message("not_counted", {"n": len(absent_models), "models": names}))
    return messages


def format_forecast(forecast: RuleForecast, minutes_per_label: float) -> str:
    """`totals.gross: 0.98 cannot be shown with 60: 149 without an error at the least, 203 with 3
    candidates; 143 more to label, about 7.2 hours`"""
    unit = f" groups of {forecast.cluster}" if forecast.cluster else ""
    rule = f"{forecast.place}: {forecast.figure}: {forecast.threshold:g}"
    if forecast.needed is None:
        return f"{rule} cannot be shown with any number: leave it below 1"
    verb = "can" if forecast.is_provable else "cannot"
    line = f"{rule} {verb} be shown with {forecast.units}{unit}"
    line += f": {forecast.needed_alone} without an error at the least"
    if forecast.needed != forecast.needed_alone:
        line += f", {forecast.needed} with {forecast.candidates} candidates"
    if forecast.missing:
        hours = forecast.missing * minutes_per_label / MINUTES_PER_HOUR
        line += f"; {forecast.missing} more to label"
        line += f", about {hours:.1f} hours" if not forecast.cluster else ", one document each"
    return line


def _forecast_stratum(
    place: str,
    documents: Sequence[Document],
    rules: Rules,
    stratum_count: int,
    candidate_count: int,
) -> Iterator[RuleForecast]:
    cluster = documents[0].suite.cluster
    labels = [label_group(document.tags, cluster) or document.id for document in documents]
    tail_alone = rules.familywise_error_rate / (rules.looks * stratum_count)
    for figure, threshold in rules.require.items():
        if figure not in UPPER_LIMITS:
            yield RuleForecast(
                place=place,
                figure=figure,
                threshold=threshold,
                documents=len(documents),
                units=len(set(labels)),
                cluster=cluster,
                candidates=candidate_count,
                needed=_count_needed(rules, threshold, tail_alone / candidate_count),
                needed_alone=_count_needed(rules, threshold, tail_alone),
            )


def _count_needed(rules: Rules, threshold: float, tail: float) -> int | None:
    """The fewest documents that can show a rule, all of them right."""
    if not rules.anytime:
        return count_units_all_right(threshold, tail)
    more = count_anytime_labels(1, 1, threshold, tail)
    return None if more is None else 1 + more


def _describe_unprovable(forecast: RuleForecast) -> Message:
    figures = {
        "suite": forecast.place,
        "name": forecast.figure,
        "rule": forecast.threshold,
        "documents": forecast.documents,
        "needed": forecast.needed,
        "n": forecast.candidates,
    }
    if forecast.cluster:
        return Message("unprovable_by_groups", {**figures, "groups": forecast.units})
    return Message("unprovable", figures)


def _describe_labelling(unprovable: Sequence[RuleForecast]) -> Iterator[Message]:
    """For each place the documents that its hardest rule still takes, and the hours for them; of
    groups, documents are not known."""
    missing_by_place: dict[str, int] = {}
    for forecast in unprovable:
        if not forecast.cluster:
            known = missing_by_place.get(forecast.place, 0)
            missing_by_place[forecast.place] = max(known, forecast.missing)
    for place, missing in missing_by_place.items():
        yield Message(
            "labelling",
            {
                "suite": place,
                "n": missing,
                "hours": missing * MINUTES_PER_LABEL / MINUTES_PER_HOUR,
                "minutes": MINUTES_PER_LABEL,
                "command": format_command("plan"),
            },
        )
