"""Select the boxes that become rows of a feature store: a table of regions, sorted by category."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hypercolumns.annotations.model import AnnotationSet, Image, Instance
from hypercolumns.annotations.results import Results
from hypercolumns.annotations.selection import trains
from hypercolumns.errors import InputError, choices
from hypercolumns.features.schema import BOX, COLUMNS, KINDS
from hypercolumns.parameters import RegionParameters
from hypercolumns.proposals.store import Proposals, ProposalStore
from hypercolumns.regions import boxes

NEAR_DUPLICATE = 0.95
"""Candidates that overlap a chosen box by more than this IoU are skipped. Ours."""

Row = tuple[Any, ...]
"""Values of a region, in the order of `schema.COLUMNS`."""

_KIND = list(COLUMNS).index("kind")

logger = logging.getLogger(__name__)


def training_regions(
    annotations: AnnotationSet,
    proposals: ProposalStore,
    settings: RegionParameters,
    seed: int,
    wanted: Sequence[str] = (),
) -> pd.DataFrame:
    """Select the boxes to train on: those of instances, candidates that overlap them, jittered and mirrored copies.

    Instances that are crowd, difficult or smaller than `settings.minimum_area` are not used for training. A candidate
    belongs to the instance that it overlaps most, even if that instance is not used. Paper, training.

    Parameters
    ----------
    annotations
        Training set.
    proposals
        Candidates by image id.
    settings
        Numbers and thresholds of each kind of region.
    seed
        Seed of the jitter.
    wanted
        Names of categories that must have a training region.

    Returns
    -------
    One row per region, with the columns of `schema.COLUMNS`; `score` is that of the candidate and 1 for other regions.

    Raises
    ------
    InputError
        When a wanted category, or the whole set, has no instance to train on.
    """
    rows: list[Row] = []
    for image_id, image_instances in annotations.instances_by_image.items():
        instances = [i for i in image_instances if not i.crowd and _has_size(i.box)]
        usable = [i for i in instances if trains(i, settings.minimum_area)]
        if not usable:
            continue
        rows += [_row(i, "ground_truth", i.box) for i in usable]
        if settings.proposals_per_instance:
            rows += _overlapping(proposals[image_id], instances, usable, settings)
        if settings.jittered_per_instance:
            # A generator per image, so that the boxes of an image do not depend on other images.
            rng = np.random.default_rng([seed, image_id])
            rows += _jittered(usable, annotations.image_by_id[image_id], settings, rng)
    if settings.mirrored:
        rows += [(*row[:_KIND], "mirrored", *row[_KIND + 1 :]) for row in rows]
    table = _table(rows)
    _check_categories(annotations, table, wanted, settings.minimum_area)
    return table


def validation_regions(annotations: AnnotationSet, detections: Results) -> pd.DataFrame:
    """Select the boxes to predict on: those of detections and of all instances that are not ignored.

    Parameters
    ----------
    annotations
        Validation set.
    detections
        COCO results with boxes, as `read_results` gives them.

    Returns
    -------
    One row per region, with the columns of `schema.COLUMNS`; detections have the instance -1 and the IoU 0.

    Raises
    ------
    InputError
        When there is neither an instance nor a detection.
    """
    rows = [_row(i, "ground_truth", i.box) for i in annotations.instances if not i.ignore and _has_size(i.box)]
    rows += _detected(detections)
    if not rows:
        raise InputError(
            "There is no region to extract: the annotations have no usable instance, and there are no detections."
        )
    return _table(rows)


def detected_regions(detections: Results) -> pd.DataFrame:
    """The table of the boxes of detections alone, as in `validation_regions`; it may be empty."""
    return _table(_detected(detections))


def _detected(detections: Results) -> list[Row]:
    return [
        (d["image_id"], d["category_id"], -1, "detection", *boxes.from_coco(d["bbox"]).tolist(), 0.0, float(d["score"]))
        for d in detections
    ]


def _has_size(box: Sequence[float]) -> bool:
    return box[2] > box[0] and box[3] > box[1]


def _row(instance: Instance, kind: str, box: Iterable[float], iou: float = 1.0, score: float = 1.0) -> Row:
    return instance.image_id, instance.category_id, instance.id, kind, *map(float, box), float(iou), float(score)


def _overlapping(
    candidates: Proposals, instances: Sequence[Instance], usable: Sequence[Instance], settings: RegionParameters
) -> list[Row]:
    """Rows of the candidates that belong to a usable instance and overlap it enough, the best few of each instance."""
    found = candidates.boxes
    overlaps = boxes.iou(found, [i.box for i in instances])
    best = overlaps.argmax(axis=1)
    rows = []
    for instance in usable:
        column = instances.index(instance)
        overlap = overlaps[:, column]
        eligible = np.flatnonzero((best == column) & (overlap >= settings.overlap))
        chosen: list[int] = []
        # The sort is stable: of equal overlaps, the better-ranked candidate comes first.
        for i in eligible[np.argsort(-overlap[eligible], kind="stable")]:
            known = np.concatenate([[instance.box], found[chosen]])
            if len(chosen) < settings.proposals_per_instance and boxes.iou(found[i], known).max() <= NEAR_DUPLICATE:
                chosen.append(int(i))
        rows += [_row(instance, "proposal", found[i], overlap[i], candidates.scores[i]) for i in chosen]
    return rows


def _jittered(
    instances: Sequence[Instance], image: Image, settings: RegionParameters, rng: np.random.Generator
) -> list[Row]:
    """Rows of copies whose sides are moved at random, clipped to the image."""
    rows = []
    for instance in instances:
        copies = np.repeat([instance.box], settings.jittered_per_instance, axis=0)
        moved = boxes.clip(boxes.jitter(copies, settings.jitter, rng), image.width, image.height)
        overlaps = boxes.iou(moved, instance.box)[:, 0]
        rows += [
            _row(instance, "jittered", box, iou) for box, iou in zip(moved, overlaps, strict=True) if _has_size(box)
        ]
    return rows


def _table(rows: list[Row]) -> pd.DataFrame:
    """Make a table whose order does not depend on the order of `rows`."""
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["kind"] = pd.Categorical(table["kind"], KINDS, ordered=True)
    order = ["category", "image", "instance", "kind", "score", "iou", *BOX]
    ascending = [name not in ("score", "iou") for name in order]
    return table.sort_values(order, ascending=ascending, ignore_index=True).astype({**COLUMNS, "kind": object})


def _check_categories(annotations: AnnotationSet, table: pd.DataFrame, wanted: Sequence[str], minimum: int) -> None:
    usable = f"is usable (not crowd, difficult or empty, and of at least regions.minimum_area = {minimum} pixels)"
    if table.empty:
        raise InputError(
            f"There is no region to train on: none of the {len(annotations.instances)} training instances {usable}."
        )
    names = {c.id: c.name for c in annotations.categories}
    trainable = {names[category] for category in table["category"]}
    for name in wanted:
        if name not in trainable:
            n = sum(names[i.category_id] == name for i in annotations.instances)
            raise InputError(
                f"The category {name!r} of dataset.categories has no region to train on: none of its {n} training "
                f"instances {usable}. Categories that have one: {choices(trainable)}."
            )
    if untrainable := set(names.values()) - trainable:
        logger.warning("No region to train on for the categories %s.", choices(untrainable))
