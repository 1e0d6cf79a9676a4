"""Tree-edit accuracy: how little of the tree of keys and texts must be typed or deleted.

Donut (Kim et al., "OCR-free Document Understanding Transformer", ECCV 2022, arXiv:2111.15664),
class JSONParseEvaluator of clovaai/donut; CC-OCR's KIE track uses it too.

- The tree: keys of an object sorted by (length, name), values below them, objects of a list below a
  node each. Texts are stripped; null, "", 0, false and empty containers vanish; a list that is not
  all objects keeps its texts and numbers only.
- Inserting or deleting costs 1 for a node and the text's length for a leaf; changing a text costs
  its Levenshtein distance, a key 1, a text into a node its length + 1. Distance: Zhang, Shasha,
  SIAM J. Comput. 18(6), 1989.
- score: max(0, 1 - distance(prediction, reference) / distance({}, reference)).

Ours alone: with nothing in the reference, where the original divides by zero, only an empty
prediction scores.
"""

from typing import Any

from vlm_lab.metrics.depth import limit_depth
from vlm_lab.metrics.tree_distance import Tree, compute_tree_distance


def ted(reference: Any, prediction: Any) -> float:
    """Tree-edit accuracy of one document, 0..1. The published total is the mean over documents."""
    expected, actual = build_tree(reference), build_tree(prediction)
    reference_cost = sum(expected.compute_costs()) - 1  # all but the root
    if not reference_cost:
        return float(len(actual.labels) == 1)
    # The difference in size alone is then a distance that scores 0.
    if sum(actual.compute_costs()) > 2 * reference_cost:
        return 0.0
    return max(0.0, 1 - compute_tree_distance(actual, expected) / reference_cost)


def build_tree(value: Any) -> Tree:
    """Donut's tree of a JSON value."""
    tree = Tree()
    _add_subtree(tree, "<root>", _normalize_value(limit_depth(value)))
    return tree


def _normalize_value(value: Any) -> Any:
    """Objects of non-empty lists, lists of objects or of texts; what says nothing is {} or []."""
    if not value:
        return {}
    if isinstance(value, dict):
        sorted_keys = sorted(value, key=lambda key: (len(key), key))
        items = {key: _normalize_value(value[key]) for key in sorted_keys}
        return {
            key: item if isinstance(item, list) else [item] for key, item in items.items() if item
        }
    if not isinstance(value, (list, tuple)):
        return [str(value).strip()]
    if all(isinstance(item, dict) for item in value):
        return [item for item in map(_normalize_value, value) if item]
    texts = (str(item).strip() for item in value if type(item) in (str, int, float))
    return [text for text in texts if text]


def _add_subtree(tree: Tree, label: str, children: Any) -> None:
    """Adds a node over the subtrees of its normalised children, or a text (None)."""
    start = len(tree.labels)
    if isinstance(children, dict):
        for key, value in children.items():
            _add_subtree(tree, key, value)
    elif children is not None:
        for item in children:
            if isinstance(item, dict):
                _add_subtree(tree, "<subtree>", item)
            else:
                _add_subtree(tree, item, None)
    tree.add_node(label, start, is_text=children is None)
