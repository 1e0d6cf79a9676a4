"""The rules and what is planned -> rules that cannot be shown with so few documents, said before
the run costs a night."""

from collections.abc import Sequence

from vlm_lab.analysis.power import count_units_all_right
from vlm_lab.messages import Message
from vlm_lab.types import UPPER_LIMITS, Case, Rules


def find_unprovable_rules(cases: Sequence[Case], rules: Rules) -> list[Message]:
    """One message for each suite and rule that even documents that are all right would not show."""
    messages = []
    for suite in dict.fromkeys(case.document.suite.name for case in cases):
        suite_cases = [case for case in cases if case.document.suite.name == suite]
        candidate_count = len({case.candidate for case in suite_cases})
        document_count = len({case.document.id for case in suite_cases})
        tail = rules.familywise_error_rate / candidate_count
        for name, threshold in rules.require.items():
            needed = None if name in UPPER_LIMITS else count_units_all_right(threshold, tail)
            if needed and document_count < needed:
                figures = {
                    "suite": suite,
                    "name": name,
                    "rule": threshold,
                    "documents": document_count,
                    "needed": needed,
                    "n": candidate_count,
                }
                messages.append(Message("unprovable", figures))
    return messages
