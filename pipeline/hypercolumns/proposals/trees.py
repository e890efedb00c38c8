"""Binary partition trees over superpixels: each merges the most similar neighbours first, by one cue."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.proposals.superpixels import Superpixels


@dataclass(frozen=True)
class Tree:
    """A binary tree over n superpixels: nodes 0 .. n - 1 are the superpixels, node 2n - 2 is the root.

    Attributes
    ----------
    children
        (n - 1, 2) row i holds the two children of node n + i; both have smaller numbers.
    members
        (2n - 1, n) superpixels that each node consists of.
    """

    children: NDArray[np.int64]
    members: NDArray[np.bool_]

    @property
    def leaf_count(self) -> int:
        """Number of superpixels, n."""
        return self.members.shape[1]


def build(superpixels: Superpixels) -> list[Tree]:
    """Build one tree per cue; a single superpixel gives one tree with a single node.

    Notes
    -----
    Five trees merge by Ward's criterion (least increase of the area-weighted squared error) on different mixtures of
    colour, texture and position; the sixth merges across the boundary with the lowest mean contrast. Cues and weights
    result from forward selection on the training photographs of a real data set. Ours.
    """
    n = superpixels.count
    if n == 1:
        return [Tree(np.zeros((0, 2), dtype=np.int64), np.ones((1, 1), dtype=bool))]
    import higra  # with Matplotlib it takes a second, which only those who propose regions wait for

    graph = higra.UndirectedGraph(n)
    graph.add_edges(superpixels.edges[:, 0], superpixels.edges[:, 1])
    trees = [
        higra.binary_partition_tree_ward_linkage(graph, cue, vertex_sizes=superpixels.area)[0]
        for cue in _cues(superpixels)
    ]
    trees.append(higra.binary_partition_tree_average_linkage(graph, superpixels.contrast, superpixels.boundary)[0])
    return [_tree(n, tree.parents()) for tree in trees]


def _cues(s: Superpixels) -> list[NDArray[np.float64]]:
    """Descriptors (n, d) whose Euclidean distances measure how different superpixels are, one per tree.

    The factors balance colour, texture, histograms and position; a large factor for position yields compact regions.
    """
    chroma = s.colour * [0.3, 1.5, 1.5]
    mixtures = [
        (s.histogram, 6 * s.texture, 1.5 * s.position),
        (s.colour, 3 * s.position),
        (0.2 * s.colour, 6 * s.texture, 0.5 * s.position),
        (s.colour, s.position),
        (chroma, 3 * s.texture, 0.5 * s.position),
    ]
    return [np.concatenate(mixture, axis=1) for mixture in mixtures]


def _tree(n: int, parents: NDArray[np.int64]) -> Tree:
    """Make a tree from the parent of each of its 2n - 1 nodes."""
    order = np.argsort(parents[:-1], kind="stable")  # without the root, which is its own parent
    children = order.reshape(n - 1, 2)
    members = np.zeros((2 * n - 1, n), dtype=bool)
    np.fill_diagonal(members, True)
    for i, (first, second) in enumerate(children):
        np.logical_or(members[first], members[second], out=members[n + i])
    return Tree(children, members)
