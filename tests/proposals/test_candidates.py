"""Superpixels partition the image, trees are hierarchies over them, and candidates are distinct regions."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from hypercolumns.parameters import ProposalParameters
from hypercolumns.proposals import features, ranking
from hypercolumns.proposals.candidates import NODE, Candidates, compose
from hypercolumns.proposals.superpixels import Superpixels, describe, relabel_sequential, segment
from hypercolumns.proposals.trees import Tree, build
from tests.proposals.scenes_for_proposals import draw


def _mask(superpixels: Superpixels, members: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Expand one region to its mask, pixel by pixel."""
    return np.isin(superpixels.labels, np.flatnonzero(members))


def test_superpixels_are_numbered_and_connected(superpixels: Superpixels) -> None:
    """Labels run from 0 to n - 1, and the pixels of each are connected."""
    assert superpixels.count > 20
    assert np.array_equal(np.unique(superpixels.labels), np.arange(superpixels.count))
    for label in range(superpixels.count):
        _, pieces = ndimage.label(superpixels.labels == label, structure=np.ones((3, 3)))
        assert pieces == 1


def test_relabelling_keeps_the_partition() -> None:
    """Renumbering keeps the partition and the order of its labels."""
    labels = np.array([[7, 7, 2], [9, 2, 2]])
    assert relabel_sequential(labels).tolist() == [[1, 1, 0], [2, 0, 0]]


def test_edges_equal_counted_pixel_sides(superpixels: Superpixels) -> None:
    """Edges and boundary lengths equal a count over all pairs of adjacent pixels."""
    labels = superpixels.labels
    sides: dict[tuple[int, int], int] = {}
    for (r, c), label in np.ndenumerate(labels):
        for other in labels[r + 1 : r + 2, c].tolist() + labels[r, c + 1 : c + 2].tolist():
            if other != label:
                pair = (min(label, other), max(label, other))
                sides[pair] = sides.get(pair, 0) + 1
    found = {(int(a), int(b)): int(n) for (a, b), n in zip(superpixels.edges, superpixels.boundary, strict=True)}
    assert found == sides


def test_every_node_is_the_disjoint_union_of_its_children(trees: list[Tree]) -> None:
    """Leaves are the superpixels, inner nodes join two disjoint children, and the root is the entire image."""
    assert len(trees) == 6
    for tree in trees:
        n = tree.leaf_count
        assert np.array_equal(tree.members[:n], np.eye(n, dtype=bool))
        first, second = tree.members[tree.children[:, 0]], tree.members[tree.children[:, 1]]
        assert not (first & second).any()
        assert np.array_equal(tree.members[n:], first | second)
        assert tree.members[-1].all()


def test_nodes_are_connected(superpixels: Superpixels, trees: list[Tree]) -> None:
    """Trees merge neighbours only, so the pixels of each node are connected."""
    for tree in trees:
        for members in tree.members[tree.leaf_count :: 7]:
            _, pieces = ndimage.label(_mask(superpixels, members), structure=np.ones((3, 3)))
            assert pieces == 1


def test_candidates_are_distinct_and_include_every_large_node(
    superpixels: Superpixels, trees: list[Tree], candidates: Candidates, settings: ProposalParameters
) -> None:
    """No region occurs twice or is too small, every large node is a candidate, and votes tell nodes from unions."""
    rows = {row.tobytes() for row in candidates.members}
    assert len(rows) == len(candidates.members)
    assert (candidates.members @ superpixels.area >= settings.minimum_area).all()
    nodes = {m.tobytes() for tree in trees for m in tree.members if m @ superpixels.area >= settings.minimum_area}
    assert nodes <= rows
    assert {row.tobytes() for row in candidates.members[candidates.node_votes > 0]} == nodes
    assert (candidates.kind[candidates.node_votes == 0] != NODE).all()


def test_unions_repair_a_tree_that_merged_wrongly() -> None:
    """For s + ((a + b) + c), s is joined with each child and grandchild of its sibling, without duplicates."""
    image = np.zeros((4, 16, 3), dtype=np.uint8)
    labels = np.repeat(np.arange(4, dtype=np.int32), 4)[None].repeat(4, axis=0)
    superpixels = describe(image, labels)
    s, a, b, c = range(4)
    children = np.array([[a, b], [4, c], [s, 5]])
    members = np.zeros((7, 4), dtype=bool)
    members[:4] = np.eye(4)
    for i, pair in enumerate(children):
        members[4 + i] = members[pair].any(axis=0)
    found = compose(superpixels, [Tree(children, members)], 1).members
    expected = [{s}, {a}, {b}, {c}, {a, b}, {a, b, c}, {s, a, b, c}]  # nodes
    expected += [{s, c}, {s, a, b}, {s, c, a}, {s, c, b}]  # the root without a grandchild or great-grandchild
    expected += [{c, a}, {c, b}]  # the same below the root
    assert {frozenset(np.flatnonzero(row)) for row in found} == {frozenset(e) for e in expected}
    assert len(found) == len(expected)


def test_boxes_are_tight(superpixels: Superpixels, candidates: Candidates) -> None:
    """Boxes that follow from those of tree nodes equal the extents of the masks."""
    boxes = candidates.boxes
    for row in range(0, len(boxes), 11):
        rows, columns = np.nonzero(_mask(superpixels, candidates.members[row]))
        assert boxes[row].tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        total, difference = columns + rows, columns - rows
        diagonal = [total.min(), difference.min(), total.max() + 1, difference.max() + 1]
        assert candidates.diagonal_boxes[row].tolist() == diagonal


def test_features_equal_those_measured_on_masks(superpixels: Superpixels, candidates: Candidates) -> None:
    """Features computed from superpixels equal the same quantities measured on pixel masks."""
    measured = dict(zip(ranking.FEATURES, features.measure(superpixels, candidates).T, strict=True))
    height, width = superpixels.labels.shape
    for row in range(0, len(candidates.members), 37):
        mask = _mask(superpixels, candidates.members[row])
        padded = np.pad(mask, 1)
        outline = np.abs(np.diff(padded.astype(int), axis=0)).sum() + np.abs(np.diff(padded.astype(int), axis=1)).sum()
        border = mask[0].sum() + mask[-1].sum() + mask[:, 0].sum() + mask[:, -1].sum()
        x0, y0, x1, y1 = candidates.boxes[row]
        expected = {
            "log_area": np.log(mask.mean()),
            "box_fill": mask.sum() / ((x1 - x0) * (y1 - y0)),
            "border_share": border / outline,
            "compactness": 4 * np.pi * mask.sum() / outline**2,
            "centre_x": (x0 + x1) / 2 / width,
            "centre_y": (y0 + y1) / 2 / height,
        }
        for name, value in expected.items():
            assert measured[name][row] == pytest.approx(value, rel=1e-4, abs=1e-5), name


def test_an_image_of_one_colour_is_its_only_candidate(settings: ProposalParameters) -> None:
    """An image with a single superpixel has one candidate, itself, with finite features."""
    image = np.full((30, 40, 3), 128, dtype=np.uint8)
    superpixels = describe(image, segment(image, settings))
    found = compose(superpixels, build(superpixels), settings.minimum_area)
    assert found.members.tolist() == [[True]]
    assert found.boxes.tolist() == [[0, 0, 40, 30]]
    assert np.isfinite(features.measure(superpixels, found)).all()


def test_an_image_below_the_minimum_area_is_its_only_candidate(settings: ProposalParameters) -> None:
    """If no region reaches the minimum area, the entire image is the only candidate."""
    image = np.random.default_rng(0).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    superpixels = describe(image, segment(image, settings))
    found = compose(superpixels, build(superpixels), settings.minimum_area)
    assert found.members.all()
    assert len(found.members) == 1


def test_busy_and_large_photographs_stay_within_bounds(settings: ProposalParameters) -> None:
    """The number of superpixels stays below its maximum, and large photographs get labels at full size."""
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    few = settings.model_copy(update={"superpixel_maximum": 30})
    assert segment(noise, few).max() < 30
    small = settings.model_copy(update={"longest_side": 64})
    labels = segment(draw(1, 160, 200)[0], small)
    assert labels.shape == (160, 200)
    assert labels.max() + 1 <= 52 * 64 // settings.superpixel_minimum
