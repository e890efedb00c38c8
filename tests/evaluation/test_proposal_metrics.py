"""Proposal metrics: overlaps computed from superpixels equal those computed from masks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.errors import InputError
from hypercolumns.evaluation.proposals import evaluate, superpixel_bound
from hypercolumns.proposals.ranking import FEATURES, Ranker
from hypercolumns.proposals.store import Proposals, ProposalStore, ProposalWriter

HEIGHT, WIDTH, CELL = 24, 32, 4


def _proposals(rng: np.random.Generator, n: int) -> Proposals:
    """Random unions of square superpixels."""
    rows, columns = np.indices((HEIGHT, WIDTH)) // CELL
    labels = (rows * (WIDTH // CELL) + columns).astype(np.int32)
    members = rng.uniform(size=(n, labels.max() + 1)) < 0.15
    members[:, 0] |= ~members.any(axis=1)
    boxes = np.array([masks.box(masks.encode(mask)) for mask in members[:, labels]], dtype=np.float32)
    return Proposals(labels, members, boxes.reshape(-1, 4), np.linspace(1, 0, n, dtype=np.float32))


def _annotations(figures: dict[int, list[NDArray[np.bool_]]], **flags: bool) -> AnnotationSet:
    instances = [
        Instance(10 * image + i, image, 1, code := masks.encode(mask), masks.box(code), float(mask.sum()), **flags)
        for image, image_figures in figures.items()
        for i, mask in enumerate(image_figures)
    ]
    images = tuple(Image(image, f"{image}.png", WIDTH, HEIGHT) for image in figures)
    return AnnotationSet(images, (Category(1, "thing"),), tuple(instances), ".")


def _store(path: Path, content: dict[int, Proposals]) -> ProposalStore:
    with ProposalWriter.create(path, Ranker(*np.zeros((2, len(FEATURES), 2)), 0.0)) as writer:
        for image, proposals in content.items():
            writer.add(image, proposals)
    return ProposalStore.open(path)


def _figure(rng: np.random.Generator) -> NDArray[np.bool_]:
    """A random ellipse, not aligned with the superpixels."""
    rows, columns = np.indices((HEIGHT, WIDTH))
    y, x, a, b = rng.uniform([6, 8, 3, 3], [18, 24, 9, 12])
    return ((rows - y) / a) ** 2 + ((columns - x) / b) ** 2 < 1


def test_metrics_equal_those_of_masks_compared_pixel_by_pixel(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    content = {image: _proposals(rng, 12 + image) for image in (1, 2, 3)}
    figures = {image: [_figure(rng) for _ in range(4)] for image in content}
    figures[2] = []  # an image without instances counts only towards the mean number of proposals
    box_best, mask_best = [], []
    for image, image_figures in figures.items():
        proposed = content[image].masks(slice(None))
        frames = _filled_boxes(proposed)
        for figure in image_figures:
            frame = _filled_boxes(figure[None])[0]
            mask_best.append(max((figure & m).sum() / (figure | m).sum() for m in proposed))
            box_best.append(max((frame & f).sum() / (frame | f).sum() for f in frames))
    found = evaluate(_annotations(figures), _store(tmp_path / "p.zarr", content), 0)
    assert found["mask_abo"] == pytest.approx(np.mean(mask_best))
    assert found["box_recall_50"] == pytest.approx(np.mean(np.array(box_best) >= 0.5))
    assert found["box_recall_70"] == pytest.approx(np.mean(np.array(box_best) >= 0.7))
    assert found["instances"] == 8
    assert found["per_image"] == pytest.approx(14)
    assert found["mask_abo"] < found["superpixel_bound"] <= 1


def test_instances_without_masks_count_for_boxes_only(tmp_path: Path) -> None:
    """Box recall stays what it is with all masks, and mask overlaps are those of the other instances alone."""
    rng = np.random.default_rng(6)
    content = {image: _proposals(rng, 12) for image in (1, 2)}
    store = _store(tmp_path / "p", content)
    everything = _annotations({image: [_figure(rng) for _ in range(4)] for image in content})
    some = everything.instances[1::2]
    mixed = replace(
        everything, instances=tuple(replace(i, segmentation=None) if i in some else i for i in everything.instances)
    )
    boxes_only = replace(everything, instances=tuple(replace(i, segmentation=None) for i in everything.instances))
    others = replace(everything, instances=everything.instances[::2])
    box_keys, mask_keys = ("box_recall_50", "box_recall_70", "instances", "per_image"), ("mask_abo", "superpixel_bound")
    expected, found = evaluate(everything, store, 0), evaluate(mixed, store, 0)
    assert [found[key] for key in box_keys] == [expected[key] for key in box_keys]
    assert [found[key] for key in mask_keys] == [evaluate(others, store, 0)[key] for key in mask_keys]
    unmasked = evaluate(boxes_only, store, 0)
    assert [unmasked[key] for key in box_keys] == [expected[key] for key in box_keys]
    assert [unmasked[key] for key in mask_keys] == [None, None]


def _filled_boxes(figures: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Masks of the tight boxes of figures, (n, height, width) like these."""
    frames = np.zeros_like(figures)
    for figure, frame in zip(figures, frames, strict=True):
        rows, columns = np.nonzero(figure)
        frame[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return frames


def test_perfect_proposals_score_one(tmp_path: Path) -> None:
    proposals = _proposals(np.random.default_rng(1), 5)
    found = evaluate(_annotations({1: list(proposals.masks(slice(1, 4)))}), _store(tmp_path / "p", {1: proposals}), 0)
    assert [found[k] for k in ("box_recall_50", "box_recall_70", "mask_abo", "superpixel_bound")] == [1, 1, 1, 1]


def test_the_bound_is_the_best_of_all_unions() -> None:
    rng = np.random.default_rng(2)
    area = rng.integers(3, 20, 9)
    shared = np.stack([rng.integers(0, area + 1) for _ in range(5)], axis=1)
    unions = (np.arange(1, 2**9)[:, None] >> np.arange(9)) & 1
    ious = (unions @ shared) / ((unions @ area)[:, None] + shared.sum(axis=0) - unions @ shared)
    assert superpixel_bound(area, shared) == pytest.approx(ious.max(axis=0))


@pytest.mark.parametrize("flag", ["crowd", "difficult"])
def test_ignored_instances_do_not_count(tmp_path: Path, flag: str) -> None:
    rng = np.random.default_rng(3)
    found = evaluate(
        _annotations({1: [_figure(rng)]}, **{flag: True}), _store(tmp_path / "p", {1: _proposals(rng, 5)}), 0
    )
    assert found["instances"] == 0
    assert found["mask_abo"] is None
    assert found["box_recall_50"] is None


def test_small_instances_do_not_count(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    large, small = np.zeros((2, HEIGHT, WIDTH), dtype=bool)
    large[:10, :10] = True
    small[:3, :3] = True
    found = evaluate(_annotations({1: [large, small]}), _store(tmp_path / "p", {1: _proposals(rng, 5)}), 100)
    assert found["instances"] == 1


def test_a_store_that_lacks_an_image_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    with pytest.raises(InputError, match="no proposals for image 2"):
        evaluate(_annotations({2: [_figure(rng)]}), _store(tmp_path / "p", {1: _proposals(rng, 5)}), 0)
