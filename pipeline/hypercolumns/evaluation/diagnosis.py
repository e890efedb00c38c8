"""Causes of lost precision: kinds of false positives, the AP that fixing each kind would gain, and missed instances.

Follows the diagnosis of false positives in the authors' code. Gains of different kinds do not add up.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import Image
from hypercolumns.annotations.results import Results
from hypercolumns.evaluation.detections import (
    THRESHOLDS,
    CategoryMatches,
    ImageOverlaps,
    box_mask,
    intersection,
    mask_or_box,
)
from hypercolumns.regions.boxes import expand, from_coco

KINDS = ("correct", "neutral", "duplicate", "mislocalised", "other_category", "background")
"""Kinds of detections.

correct: a hit; neutral: on an ignored instance; duplicate: on an instance that another detection has claimed;
mislocalised: on an instance of its category, but with too little overlap; other_category: on an instance of another
category; background: on nothing. "On" means an overlap of at least `MIN_OVERLAP`.
"""

MIN_OVERLAP = 0.1
"""Overlap from which a false detection is attributed to an instance. Hoiem et al., ECCV 2012."""


def diagnose(
    overlaps: Mapping[int, ImageOverlaps], matches: Mapping[int, CategoryMatches], position: int
) -> dict[str, Any]:
    """Count each kind of detection, and measure the gain in mean AP from fixing each kind.

    Parameters
    ----------
    overlaps
        `overlaps_by_image` of the detections.
    matches
        `match_categories` of the detections at `THRESHOLDS`.
    position
        Which of the thresholds to look at.

    Returns
    -------
    dict
        `detections`: counts by the names in `KINDS`; `missed`: number of instances that count and were not found;
        `ap_gain`, in points of 0..100: false detections of a kind removed, mislocalised ones moved onto their instance
        if it is unclaimed, missed instances not counted (a category without a hit stays at 0).
    """
    kinds = classify(overlaps, matches, position)
    at_threshold = {
        key: replace(m, hit=m.hit[:, [position]], neutral=m.neutral[:, [position]], claimed=m.claimed[:, [position]])
        for key, m in matches.items()
        if m.positives
    }
    fixed = {
        kind: {key: replace(m, neutral=m.neutral | (kinds[m.rows, None] == kind)) for key, m in at_threshold.items()}
        for kind in ("duplicate", "other_category", "background")
    }
    targets = _best_instances(len(kinds), overlaps)
    fixed["mislocalised"] = {key: _moved(m, kinds == "mislocalised", targets) for key, m in at_threshold.items()}
    fixed["missed"] = {key: replace(m, positives=int(m.hit.sum())) for key, m in at_threshold.items()}
    before = _mean_ap(at_threshold)
    return {
        "detections": {kind: int(np.sum(kinds == kind)) for kind in KINDS},
        "missed": sum(m.positives - int(m.hit.sum()) for m in at_threshold.values()),
        "ap_gain": {kind: _mean_ap(after) - before if after else None for kind, after in fixed.items()},
    }


def classify(
    overlaps: Mapping[int, ImageOverlaps], matches: Mapping[int, CategoryMatches], position: int
) -> NDArray[np.str_]:
    """Kind (one of `KINDS`) of each of the n detections, (n,); `diagnose` explains the arguments."""
    kinds = np.full(sum(len(image.rows) for image in overlaps.values()), "background", dtype="<U14")
    for image in overlaps.values():
        crowd = np.array([instance.crowd for instance in image.instances], dtype=bool)
        # Crowds are left out: a detection inside one is already neutral.
        same = image.values.max(axis=1, where=image.same_category & ~crowd, initial=0.0)
        other = image.values.max(axis=1, where=~image.same_category & ~crowd, initial=0.0)
        kinds[image.rows[other >= MIN_OVERLAP]] = "other_category"
        kinds[image.rows[same >= MIN_OVERLAP]] = "mislocalised"
        kinds[image.rows[same >= THRESHOLDS[position]]] = "duplicate"
    for m in matches.values():
        kinds[m.rows[m.neutral[:, position]]] = "neutral"
        kinds[m.rows[m.hit[:, position]]] = "correct"
    return kinds


def recall(overlaps: Mapping[int, ImageOverlaps], threshold: float) -> dict[str, float | None]:
    """Share (0..1) of the instances that count with a detection of at least this overlap; None without instances.

    `own_category` asks for a detection of the instance's category, `any_category` for a detection of any category:
    instances between the two were found but misnamed, the rest were not found at all.
    """
    found: dict[str, list[bool]] = {"own_category": [], "any_category": []}
    for image in overlaps.values():
        reached = image.values >= threshold
        counted = np.array([not instance.ignore for instance in image.instances], dtype=bool)
        found["own_category"] += np.any(reached & image.same_category, axis=0)[counted].tolist()
        found["any_category"] += np.any(reached, axis=0)[counted].tolist()
    return {name: float(np.mean(verdicts)) if verdicts else None for name, verdicts in found.items()}


def with_perfect_masks(
    image: Image, boxes: Results, overlaps: ImageOverlaps, expansion: float
) -> list[Mapping[str, Any]]:
    """Detected boxes of an image with the best masks that prediction could give them.

    The mask is that of the instance of the detection's category that its box overlaps most (a crowd only if there is
    no other), cut to the box expanded by `expansion`, which is as far as heat maps reach. It is empty if the box
    touches no instance. The box of an instance takes the place of a mask that is not annotated.
    """
    perfect: list[Mapping[str, Any]] = []
    for box, category_id, values in zip(boxes, overlaps.categories, overlaps.values, strict=True):
        touched = [
            (not instance.crowd, value, -column)
            for column, (value, instance) in enumerate(zip(values, overlaps.instances, strict=True))
            if instance.category_id == category_id and value > 0
        ]
        mask = masks.encode(np.zeros((image.height, image.width), dtype=bool))
        if touched:
            reach = box_mask(expand(from_coco(box["bbox"]), expansion), image)
            mask = intersection(mask_or_box(overlaps.instances[-max(touched)[2]], image), reach)
        perfect.append({**box, "segmentation": mask})
    return perfect


def _best_instances(count: int, overlaps: Mapping[int, ImageOverlaps]) -> NDArray[np.int64]:
    """Id of the counted instance of its category that each detection overlaps most, (count,); -1 for none."""
    best = np.full(count, -1, dtype=np.int64)
    for image in overlaps.values():
        if image.instances:
            counted = np.array([not instance.ignore for instance in image.instances])
            values = np.where(image.same_category & counted, image.values, 0.0)
            ids = np.array([instance.id for instance in image.instances])[values.argmax(axis=1)]
            best[image.rows] = np.where(values.max(axis=1) >= MIN_OVERLAP, ids, -1)
    return best


def _mean_ap(matches: Mapping[int, CategoryMatches]) -> float:
    """Mean AP in points over the categories at the first threshold; a category without positives has 0."""
    return 100 * sum(m.average_precision(0) or 0.0 for m in matches.values()) / max(len(matches), 1)


def _moved(matches: CategoryMatches, movable: NDArray[np.bool_], targets: NDArray[np.int64]) -> CategoryMatches:
    """Turn the best-scored movable detection of each unclaimed instance into a hit, and remove the other movable ones.

    `movable` and `targets` (ids of `_best_instances`) cover all results.
    """
    hit, neutral = matches.hit.copy(), matches.neutral.copy()
    claimed = {-1, *matches.claimed.flat}
    for index in np.argsort(-matches.scores, kind="stable"):
        row = matches.rows[index]
        if movable[row]:
            hit[index] = targets[row] not in claimed
            neutral[index] = ~hit[index]
            claimed.add(targets[row])
    return replace(matches, hit=hit, neutral=neutral)
