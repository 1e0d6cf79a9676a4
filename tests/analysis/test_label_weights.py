"""pytest tests/analysis/test_label_weights.py: what a label counts, by how it came to be."""

import pytest

from vlm_lab.analysis.label_weights import weigh_labels


@pytest.mark.parametrize(
    ("labelled", "probabilities", "weights"),
    [
        ("abc", {}, [1, 1, 1, 1]),
        ("abc", {"d": 0.5}, [1, 1, 1, 1]),  # drawn, and nobody has labelled it yet
        ("abcd", {"c": 0.5, "d": 0.5}, [1, 1, 1, 1]),  # equal probabilities are a random sample
        # 1/p is 1, 2 and 4: together 49/21 labels, in these shares
        ("bcd", {"b": 1.0, "c": 0.5, "d": 0.25}, [1, 1 / 3, 2 / 3, 4 / 3]),
        ("abcd", {"b": 1.0, "c": 0.5, "d": 0.25}, [1, 1 / 3, 2 / 3, 4 / 3]),
    ],
)
def test_labels_count_with_the_inverse_of_their_probability(
    labelled: str, probabilities: dict[str, float], weights: list[float]
) -> None:
    is_labelled = [name in labelled for name in "abcd"]
    assert weigh_labels("abcd", is_labelled, probabilities).tolist() == pytest.approx(weights)
