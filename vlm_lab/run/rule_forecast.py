"""The rules and what is planned -> rules that cannot be shown with so few documents, said before
the run costs a night."""

from collections.abc import Iterator, Sequence

from vlm_lab.analysis.power import count_units_all_right
from vlm_lab.messages import Message
from vlm_lab.suite.tags import label_group
from vlm_lab.types import UPPER_LIMITS, Case, Document, Rules


def find_unprovable_rules(cases: Sequence[Case], rules: Rules) -> list[Message]:
    """One message for each suite, stratum and rule that even documents that are all right would not
    show."""
    messages: list[Message] = []
    for suite in dict.fromkeys(case.document.suite.name for case in cases):
        suite_cases = [case for case in cases if case.document.suite.name == suite]
        candidate_count = len({case.candidate for case in suite_cases})
        documents = list({case.document.id: case.document for case in suite_cases}.values())
        strata = _split_by_tag(documents, rules.by)
        tail = rules.familywise_error_rate / (candidate_count * rules.looks * len(strata))
        for value, stratum in strata.items():
            name = f"{suite}, {rules.by} {value}" if value else suite
            messages += _check_stratum(name, stratum, rules, tail, candidate_count)
    return messages


def _split_by_tag(documents: Sequence[Document], tag: str) -> dict[str, list[Document]]:
    """The documents by the tag that the rules are held by; all under "" where there is none."""
    strata: dict[str, list[Document]] = {}
    if not tag or not any(document.tags.get(tag) for document in documents):
        return {"": list(documents)}
    for document in documents:
        strata.setdefault(document.tags.get(tag) or "-", []).append(document)
    return strata


def _check_stratum(
    name: str, documents: Sequence[Document], rules: Rules, tail: float, candidate_count: int
) -> Iterator[Message]:
    cluster = documents[0].suite.cluster
    labels = [label_group(document.tags, cluster) or document.id for document in documents]
    unit_count = len(set(labels))
    for figure, threshold in rules.require.items():
        needed = None if figure in UPPER_LIMITS else count_units_all_right(threshold, tail)
        if needed and unit_count < needed:
            figures = {
                "suite": name,
                "name": figure,
                "rule": threshold,
                "documents": len(documents),
                "needed": needed,
                "n": candidate_count,
            }
            if cluster:
                yield Message("unprovable_by_groups", {**figures, "groups": unit_count})
            else:
                yield Message("unprovable", figures)
