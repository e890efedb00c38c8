"""Region candidates of one image: nodes of trees and small unions of them, each region once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.proposals.superpixels import Superpixels
from hypercolumns.proposals.trees import Tree

NODE, PAIR, TRIPLET = 0, 1, 2
"""How a candidate is composed: of one, two or three nodes of a tree."""


@dataclass(frozen=True)
class Candidates:
    """The n candidates of one image over its s superpixels, every region once.

    Attributes
    ----------
    members
        (n, s) which superpixels form a candidate.
    kind
        (n,) NODE, PAIR or TRIPLET.
    votes
        (n,) how often the region was composed, by any tree.
    node_votes
        (n,) how many trees have it as a node.
    """

    members: NDArray[np.bool_]
    kind: NDArray[np.int64]
    votes: NDArray[np.int64]
    node_votes: NDArray[np.int64]


def compose(superpixels: Superpixels, trees: list[Tree], minimum_area: int) -> Candidates:
    """All candidates of at least `minimum_area` pixels; where none is that large, the whole image.

    A tree that merges two wrong neighbours first has no node for the object, but has its pieces close by: node
    p = (s, (c, (d, e))) gives the pairs s + c and s + (d, e), and the triplets s + c + d and s + c + e. That is p
    without one grandchild or great-grandchild, at most twelve unions per node. Pairs need not touch: the
    halves of an object behind a post are such a pair. Ours, after the pairs and triplets of MCG (Arbelaez et
    al., 2014).
    """
    # A region's key is the sum of its superpixels' random 64-bit keys, so keys of disjoint unions are sums too
    # and equal regions are found without comparing bitsets. The seed is fixed: keys decide the order.
    keys = np.random.default_rng(0).integers(0, 2**63, superpixels.count, dtype=np.uint64)
    groups: list[tuple[Tree, NDArray[np.int64]]] = []
    group_keys, kinds = [], []
    for tree in trees:
        node_keys = tree.members.astype(np.uint64) @ keys
        node_areas = tree.members @ superpixels.area
        for nodes in _compositions(tree):
            large = nodes[node_areas[nodes].sum(axis=1) >= minimum_area]
            groups.append((tree, large))
            group_keys.append(node_keys[large].sum(axis=1, dtype=np.uint64))
            kinds.append(np.full(len(large), nodes.shape[1] - 1))
    if not sum(len(k) for k in group_keys):
        one = np.ones(1, dtype=np.int64)
        return Candidates(np.ones((1, superpixels.count), dtype=bool), 0 * one, one, one)
    kind = np.concatenate(kinds)
    _, first, inverse, votes = np.unique(
        np.concatenate(group_keys), return_index=True, return_inverse=True, return_counts=True
    )
    return Candidates(
        members=_members(groups, first),
        kind=kind[first],
        votes=votes,
        node_votes=np.bincount(inverse[kind == NODE], minlength=len(first)),
    )


def _compositions(tree: Tree) -> list[NDArray[np.int64]]:
    """Arrays (k, 1), (k, 2), (k, 2), (k, 3) ...: numbers of disjoint nodes whose union is a candidate."""
    n = tree.leaves
    nodes = np.arange(len(tree.members))[:, None]
    if n == 1:
        return [nodes]
    result = [nodes]
    sibling_of_left = tree.children[:, ::-1].ravel()  # row order: (left, right) of each node in turn
    child = tree.children.ravel()
    inner = child >= n
    child, sibling = child[inner], sibling_of_left[inner]
    for side in (0, 1):
        kept, other = tree.children[child - n, side], tree.children[child - n, 1 - side]
        result.append(np.stack([kept, sibling], axis=1))
        divisible = other >= n
        parts = tree.children[other[divisible] - n]
        result += [np.stack([parts[:, i], kept[divisible], sibling[divisible]], axis=1) for i in (0, 1)]
    return result


def _members(groups: list[tuple[Tree, NDArray[np.int64]]], first: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Bitsets of the compositions number `first` (counted over all groups), in that order."""
    row_of = np.full(sum(len(nodes) for _, nodes in groups), -1)
    row_of[first] = np.arange(len(first))
    members = np.empty((len(first), groups[0][0].leaves), dtype=bool)
    start = 0
    for tree, nodes in groups:
        rows = row_of[start : start + len(nodes)]
        start += len(nodes)
        chosen = rows >= 0
        union = tree.members[nodes[chosen, 0]]
        for column in range(1, nodes.shape[1]):
            union = union | tree.members[nodes[chosen, column]]
        members[rows[chosen]] = union
    return members
