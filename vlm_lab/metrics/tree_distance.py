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
    """The forests of all keyroots, each after an empty one. Positions are in the whole row."""

    node: Array  # -1 for an empty forest
    remaining_position: Array  # of the forest that remains without the node's whole subtree
    insertion_cost: Array  # cost of inserting all nodes of the forest
    is_tree: Array  # whether the forest is one tree, so that its distance is one between trees
    offset: Array  # keeps the running minimum of one forest out of the next
    previous_position: Array  # the position before
    depth_slices: list[slice]  # forests whose inner keyroots lie in earlier slices


def compute_tree_distance(first: Tree, second: Tree) -> int:
    """The cheapest insertions, deletions and changes of label that make `second` of `first`."""
    change_costs, removal_costs = _compute_change_costs(first, second), first.compute_costs()
    tree_distances = np.zeros((len(first.labels), len(second.labels)), np.int64)
    columns = _build_columns(second)
    for keyroot in first.find_keyroots():
        _fill_tree_distances(
            keyroot, first.leftmost, removal_costs, change_costs, columns, tree_distances
        )
    return int(tree_distances[-1, -1])


def _fill_tree_distances(
    keyroot: int,
    leftmost: list[int],
    removal_costs: list[int],
    change_costs: Array,
    columns: ForestColumns,
    tree_distances: Array,
) -> None:
    """Fills in the rows of `tree_distances` for the nodes on the path from `keyroot` to its
    leftmost leaf."""
    start = leftmost[keyroot]
    rows = np.empty((keyroot - start + 2, len(columns.node)), np.int64)
    rows[0] = columns.insertion_cost
    for node in range(start, keyroot + 1):
        row, previous_row = rows[node - start + 1], rows[node - start]
        remaining_row = rows[leftmost[node] - start]
        removal_row = previous_row + removal_costs[node]
        if leftmost[node] == start:
            change_row = previous_row[columns.previous_position] + change_costs[node][columns.node]
            for depth_slice in columns.depth_slices:
                pairing_row = (
                    remaining_row[columns.remaining_position[depth_slice]]
                    + tree_distances[node][columns.node[depth_slice]]
                )
                is_tree = columns.is_tree[depth_slice]
                pairing_row = np.where(is_tree, change_row[depth_slice], pairing_row)
                _fill_forest_distances(row, depth_slice, removal_row, pairing_row, columns)
                tree_distances[node][columns.node[depth_slice][is_tree]] = row[depth_slice][is_tree]
        else:
            pairing_row = (
                remaining_row[columns.remaining_position] + tree_distances[node][columns.node]
            )
            _fill_forest_distances(row, slice(None), removal_row, pairing_row, columns)


def _fill_forest_distances(
    row: Array, depth_slice: slice, removal_row: Array, pairing_row: Array, columns: ForestColumns
) -> None:
    """The forest distances of one slice: the last node of a side removed or inserted, or both last
    nodes paired."""
    best = removal_row[depth_slice].copy()
    np.minimum(best, pairing_row, out=best, where=columns.node[depth_slice] >= 0)
    # Inserting depends on the column before: a running minimum of what is left after all insertions
    # so far.
    insertion_shift = columns.insertion_cost[depth_slice] + columns.offset[depth_slice]
    row[depth_slice] = np.minimum.accumulate(best - insertion_shift) + insertion_shift


def _build_columns(tree: Tree) -> ForestColumns:
    """Lays the forests of the keyroots side by side; those that lie in as many others make a
    slice."""
    cost_sums = np.concatenate([[0], np.cumsum(tree.compute_costs())])
    forests: list[tuple[Array, ...]] = []
    ends_by_depth: dict[int, int] = {}
    size = 0
    for number, (keyroot, depth) in enumerate(_sort_keyroots_by_depth(tree)):
        start = tree.leftmost[keyroot]
        node = np.arange(start - 1, keyroot + 1)  # the first is the empty forest
        leftmost = np.asarray([start, *tree.leftmost[start : keyroot + 1]])
        is_node = node >= start
        inserted = cost_sums[node + 1] - cost_sums[start]
        offset = np.full(len(node), number * FOREST_OFFSET)
        forests.append(
            (
                np.where(is_node, node, -1),
                size + leftmost - start,
                inserted,
                is_node & (leftmost == start),
                offset,
            )
        )
        size += len(node)
        ends_by_depth[depth] = size
    nodes, left, inserted, is_tree, offset = (
        np.concatenate(arrays) for arrays in zip(*forests, strict=True)
    )
    depth_slices = [slice(start, end) for start, end in pairwise([0, *ends_by_depth.values()])]
    return ForestColumns(nodes, left, inserted, is_tree, offset, np.arange(size) - 1, depth_slices)


def _sort_keyroots_by_depth(tree: Tree) -> list[tuple[int, int]]:
    """Keyroots with the number of keyroots whose subtrees they lie in, largest number first."""
    enclosing_keyroots: list[int] = []
    depths = []
    for keyroot in reversed(tree.find_keyroots()):
        while enclosing_keyroots and tree.leftmost[enclosing_keyroots[-1]] > keyroot:
            enclosing_keyroots.pop()
        depths.append((keyroot, len(enclosing_keyroots)))
        enclosing_keyroots.append(keyroot)
    return sorted(depths, key=lambda pair: -pair[1])


def _compute_change_costs(first: Tree, second: Tree) -> Array:
    """What changing each node of the first tree into each of the second costs."""
    is_text, is_other_text = np.asarray(first.is_text)[:, None], np.asarray(second.is_text)
    # A text for a node: remove and insert.
    costs: Array = np.add.outer(first.compute_costs(), second.compute_costs())
    numbers = {label: number for number, label in enumerate({*first.labels, *second.labels})}
    first_names = np.asarray([numbers[label] for label in first.labels])
    second_names = np.asarray([numbers[label] for label in second.labels])
    costs = np.where(is_text | is_other_text, costs, first_names[:, None] != second_names)
    text_distances = cdist(
        first.collect_texts(), second.collect_texts(), scorer=Levenshtein.distance, dtype=np.int64
    )
    costs[is_text & is_other_text] = text_distances.ravel()
    return costs
