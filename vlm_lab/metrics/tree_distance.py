"""Zhang and Shasha's tree edit distance, a numpy row at a time: two invoices of 200 rows take a
second, not a minute.

K. Zhang, D. Shasha: "Simple fast algorithms for the editing distance between trees and related
problems", SIAM J. Comput. 18(6), 1989. In their words l(i) is the leftmost leaf below node i, a
keyroot the highest node over its leftmost leaf, and forest distances are found for every pair of
keyroots. Here the forests of all keyroots of the second tree lie side by side in one row
(`ForestColumns`), inner ones first, and each row is computed from the rows before it.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

Array = np.ndarray[Any, np.dtype[np.int64]]
FOREST_OFFSET = 1 << 40  # more than any distance


@dataclass(slots=True)
class Tree:
    """Nodes in postorder: label, whether it is a text, and the leftmost leaf below it."""

    labels: list[str] = field(default_factory=list)
    is_text: list[bool] = field(default_factory=list)
    leftmost: list[int] = field(default_factory=list)

    def add_node(self, label: str, leftmost: int, *, is_text: bool) -> None:
        self.labels.append(label)
        self.is_text.append(is_text)
        self.leftmost.append(leftmost)

    def compute_costs(self) -> list[int]:
        """What inserting or deleting each node costs."""
        return [
            len(label) if text else 1 for label, text in zip(self.labels, self.is_text, strict=True)
        ]

    def collect_texts(self) -> list[str]:
        return [label for label, text in zip(self.labels, self.is_text, strict=True) if text]

    def find_keyroots(self) -> list[int]:
        return sorted({leaf: node for node, leaf in enumerate(self.leftmost)}.values())


@dataclass(frozen=True, slots=True)
class ForestColumns:
    """The forests of all keyroots, each with an empty forest before it. Positions are in the whole
    row."""

    node: Array  # -1 for an empty forest
    remaining_position: (
        Array  # position of the forest that remains when the node's whole subtree is taken away
    )
    insertion_cost: Array  # cost of inserting all nodes of the forest
    is_tree: Array  # whether the forest is one tree, so that its distance is one between trees
    offset: Array  # keeps the running minimum of one forest out of the next
    previous_position: Array  # the position before
    depth_slices: list[slice]  # forests whose inner keyroots lie in earlier waves


def compute_tree_distance(first: Tree, second: Tree) -> int:
    """The cheapest sequence of insertions, deletions and changes of label that makes `second` of
    `first`."""
    changing, removing = _compute_change_costs(first, second), first.compute_costs()
    trees = np.zeros((len(first.labels), len(second.labels)), np.int64)
    columns = _build_columns(second)
    for keyroot in first.find_keyroots():
        _fill_tree_distances(keyroot, first.leftmost, removing, changing, columns, trees)
    return int(trees[-1, -1])


def _fill_tree_distances(
    keyroot: int,
    leftmost: list[int],
    removing: list[int],
    changing: Array,
    columns: ForestColumns,
    trees: Array,
) -> None:
    """Fills in the rows of `trees` for the nodes on the path from `keyroot` to its leftmost
    leaf."""
    start = leftmost[keyroot]
    rows = np.empty((keyroot - start + 2, len(columns.node)), np.int64)
    rows[0] = columns.insertion_cost
    for node in range(start, keyroot + 1):
        before, without, row = (
            rows[node - start],
            rows[leftmost[node] - start],
            rows[node - start + 1],
        )
        removed = before + removing[node]
        if leftmost[node] == start:
            changed = before[columns.previous_position] + changing[node][columns.node]
            for wave in columns.depth_slices:
                paired = without[columns.remaining_position[wave]] + trees[node][columns.node[wave]]
                tree = columns.is_tree[wave]
                _fill_forest_distances(
                    row, wave, removed, np.where(tree, changed[wave], paired), columns
                )
                trees[node][columns.node[wave][tree]] = row[wave][tree]
        else:
            paired = without[columns.remaining_position] + trees[node][columns.node]
            _fill_forest_distances(row, slice(None), removed, paired, columns)


def _fill_forest_distances(
    row: Array, wave: slice, removed: Array, paired: Array, columns: ForestColumns
) -> None:
    """The forest distances of one wave: the last node of a side removed or inserted, or both last
    nodes paired."""
    best = removed[wave].copy()
    np.minimum(best, paired, out=best, where=columns.node[wave] >= 0)
    # inserting depends on the column before: a running minimum of what is left after all insertions
    # so far
    shift = columns.insertion_cost[wave] + columns.offset[wave]
    row[wave] = np.minimum.accumulate(best - shift) + shift


def _build_columns(tree: Tree) -> ForestColumns:
    """Lays the forests of the keyroots side by side; those that lie in as many others make a
    wave."""
    sums = np.concatenate([[0], np.cumsum(tree.compute_costs())])
    forests: list[tuple[Array, ...]] = []
    ends: dict[int, int] = {}
    size = 0
    for number, (keyroot, depth) in enumerate(_sort_keyroots_by_depth(tree)):
        start = tree.leftmost[keyroot]
        node = np.arange(start - 1, keyroot + 1)  # the first is the empty forest
        leftmost = np.asarray([start, *tree.leftmost[start : keyroot + 1]])
        inside = node >= start
        inserted = sums[node + 1] - sums[start]
        offset = np.full(len(node), number * FOREST_OFFSET)
        forests.append(
            (
                np.where(inside, node, -1),
                size + leftmost - start,
                inserted,
                inside & (leftmost == start),
                offset,
            )
        )
        size += len(node)
        ends[depth] = size
    nodes, left, inserted, is_tree, offset = (
        np.concatenate(parts) for parts in zip(*forests, strict=True)
    )
    waves = [slice(start, end) for start, end in pairwise([0, *ends.values()])]
    return ForestColumns(nodes, left, inserted, is_tree, offset, np.arange(size) - 1, waves)


def _sort_keyroots_by_depth(tree: Tree) -> list[tuple[int, int]]:
    """Keyroots with the number of keyroots whose subtrees they lie in, largest number first."""
    around: list[int] = []
    depths = []
    for keyroot in reversed(tree.find_keyroots()):
        while around and tree.leftmost[around[-1]] > keyroot:
            around.pop()
        depths.append((keyroot, len(around)))
        around.append(keyroot)
    return sorted(depths, key=lambda pair: -pair[1])


def _compute_change_costs(first: Tree, second: Tree) -> Array:
    """What changing each node of the first tree into each of the second costs."""
    is_text, is_other_text = np.asarray(first.is_text)[:, None], np.asarray(second.is_text)
    costs: Array = np.add.outer(
        first.compute_costs(), second.compute_costs()
    )  # a text for a node: remove and insert
    numbers = {label: number for number, label in enumerate({*first.labels, *second.labels})}
    names, other_names = (
        np.asarray([numbers[label] for label in tree.labels]) for tree in (first, second)
    )
    costs = np.where(is_text | is_other_text, costs, names[:, None] != other_names)
    texts = cdist(
        first.collect_texts(), second.collect_texts(), scorer=Levenshtein.distance, dtype=np.int64
    )
    costs[is_text & is_other_text] = texts.ravel()
    return costs
