"""Region candidates of one image: nodes of trees and unions of two or three nodes, without duplicates."""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.proposals.superpixels import Superpixels
from hypercolumns.proposals.trees import Tree

NODE = 0
"""Kind of the candidates that are a node of a tree; unions of two and three nodes are of kind 1 and 2."""
_OUTWARD = np.array([1, 1, -1, -1], dtype=np.int32)
_Group = tuple[Tree, NDArray[np.int64]]
"""Compositions of nodes of a tree, (k, 1), (k, 2) or (k, 3)."""


@dataclass(frozen=True)
class Candidates:
    """The n distinct candidates of one image, as sets of its s superpixels.

    Attributes
    ----------
    members
        (n, s) superpixels that each candidate consists of.
    boxes
        (n, 4) int32 tight boxes x0, y0, x1, y1, end-exclusive.
    diagonal_boxes
        (n, 4) int32 tight boxes of the coordinates x + y and x - y.
    kind
        (n,) number of united nodes, minus one: 0 for a node of a tree, 1 for a pair, 2 for a triplet.
    votes
        (n,) number of times that the candidate occurs, over all trees and kinds.
    node_votes
        (n,) number of trees that have it as a node.
    """

    members: NDArray[np.bool_]
    boxes: NDArray[np.int32]
    diagonal_boxes: NDArray[np.int32]
    kind: NDArray[np.int64]
    votes: NDArray[np.int64]
    node_votes: NDArray[np.int64]


def compose(superpixels: Superpixels, trees: list[Tree], minimum_area: int) -> Candidates:
    """List all candidates of at least `minimum_area` pixels; if there are none, the entire image.

    Notes
    -----
    A tree that merges two wrong neighbours has no node for the object, but holds its pieces nearby. A node
    p = (s, (c, (d, e))) gives the pairs s + c and s + (d, e) and the triplets s + c + d and s + c + e: p without one
    grandchild or great-grandchild, at most twelve unions per node. The nodes of a pair need not touch, so a pair can
    join the halves of an object behind a post. Ours, after the pairs and triplets of MCG (Arbelaez et al., 2014).
    """
    # The key of a region is the sum of random 64-bit keys of its superpixels. Keys of disjoint unions add up, so equal
    # regions are found without comparing bitsets. The seed is fixed because the keys decide the order of candidates.
    keys = np.random.default_rng(0).integers(0, 2**63, superpixels.count, dtype=np.uint64)
    groups: list[_Group] = []
    group_keys, kinds = [], []
    for tree in trees:
        node_keys = tree.members.astype(np.uint64) @ keys
        node_areas = tree.members @ superpixels.area
        for nodes in _compositions(tree):
            large = nodes[node_areas[nodes].sum(axis=1) >= minimum_area]
            groups.append((tree, large))
            group_keys.append(node_keys[large].sum(axis=1, dtype=np.uint64))
            kinds.append(np.full(len(large), nodes.shape[1] - 1))
    if not any(len(nodes) for _, nodes in groups):
        root, one = np.array([[len(trees[0].members) - 1]]), np.array([1])
        members, boxes, diagonal_boxes = _unite([(trees[0], root)], np.array([0]), superpixels)
        return Candidates(members, boxes, diagonal_boxes, kind=np.array([NODE]), votes=one, node_votes=one)
    kind = np.concatenate(kinds)
    _, first, inverse, votes = np.unique(
        np.concatenate(group_keys), return_index=True, return_inverse=True, return_counts=True
    )
    members, boxes, diagonal_boxes = _unite(groups, first, superpixels)
    return Candidates(
        members,
        boxes,
        diagonal_boxes,
        kind=kind[first],
        votes=votes,
        node_votes=np.bincount(inverse[kind == NODE], minlength=len(first)),
    )


def _compositions(tree: Tree) -> list[NDArray[np.int64]]:
    """Arrays (k, 1), (k, 2) or (k, 3) of node numbers; each row lists disjoint nodes whose union is a candidate."""
    n = tree.leaf_count
    compositions = [np.arange(len(tree.members))[:, None]]
    if n == 1:
        return compositions
    child, sibling = tree.children.ravel(), tree.children[:, ::-1].ravel()
    inner = child >= n
    child, sibling = child[inner], sibling[inner]
    for side in (0, 1):
        kept, other = tree.children[child - n, side], tree.children[child - n, 1 - side]
        compositions.append(np.stack([kept, sibling], axis=1))
        divisible = other >= n
        halves = tree.children[other[divisible] - n]
        compositions += [np.stack([halves[:, i], kept[divisible], sibling[divisible]], axis=1) for i in (0, 1)]
    return compositions


def _unite(
    groups: list[_Group], first: NDArray[np.int64], superpixels: Superpixels
) -> tuple[NDArray[np.bool_], NDArray[np.int32], NDArray[np.int32]]:
    """Members, boxes and diagonal boxes of the compositions `first`, numbered consecutively over all groups."""
    row_of = np.full(sum(len(nodes) for _, nodes in groups), -1)
    row_of[first] = np.arange(len(first))
    members = np.empty((len(first), superpixels.count), dtype=bool)
    boxes = np.empty((len(first), 8), dtype=np.int32)
    node_boxes: dict[int, NDArray[np.int32]] = {}
    start = 0
    for tree, nodes in groups:
        rows = row_of[start : start + len(nodes)]
        start += len(nodes)
        kept, chosen = rows[rows >= 0], nodes[rows >= 0]
        members[kept] = functools.reduce(np.bitwise_or, (tree.members[column] for column in chosen.T))
        if id(tree) not in node_boxes:
            node_boxes[id(tree)] = _node_boxes(tree, superpixels)
        boxes[kept] = functools.reduce(np.minimum, (node_boxes[id(tree)][column] for column in chosen.T))
    return members, boxes[:, :4] * _OUTWARD, boxes[:, 4:] * _OUTWARD


def _node_boxes(tree: Tree, superpixels: Superpixels) -> NDArray[np.int32]:
    """Box and diagonal box of each node side by side, x1 and y1 negated: a union has the minimum of each column."""
    n = tree.leaf_count
    found = np.empty((len(tree.members), 8), dtype=np.int32)
    found[:n] = np.concatenate([superpixels.boxes * _OUTWARD, superpixels.diagonal_boxes * _OUTWARD], axis=1)
    for node, (first, second) in enumerate(tree.children.tolist(), n):
        np.minimum(found[first], found[second], out=found[node])
    return found
