"""What limits detections: kinds of false positives, the AP that mending each would gain, and what was never found.

The authors' diagnosis of false positives, as in their code. Gains of different kinds do not add up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.results import Results
from hypercolumns.evaluation.detections import CategoryMatches, ImageOverlaps, intersection
from hypercolumns.regions.boxes import clip, expand, from_coco

KINDS = ("correct", "neutral", "duplicate", "mislocalised", "other_category", "background")
"""Verdict on a detection: a hit; on an ignored instance; a second one of a found instance; on an instance of its
category but with too little overlap (>= .1); on an instance of another category (>= .1); on nothing."""

TOUCHING = 0.1
"""Overlap from which a false detection belongs to an instance. Hoiem et al., ECCV 2012."""


def diagnose(
    results: Results,
    overlaps: Mapping[int, ImageOverlaps],
    matches: Mapping[int, CategoryMatches],
    position: int,
    threshold: float,
) -> dict[str, Any]:
    """Counts per kind of detection, and the gain in mean AP from mending each kind.

    Parameters
    ----------
    results : the detections.
    overlaps, matches : of these detections, by `overlaps_of` and `match_categories`.
    position, threshold : which of the thresholds of `matches`, and its value.

    Returns
    -------
    dict
        `detections`: counts per name of `KINDS`; `missed`: instances that count and were not found;
        `ap_gain` (points of 0..100): false detections of a kind removed, mislocalised ones moved onto their instance
        where it is free, missed instances taken out of the count (a category that finds none stays at 0).
    """
    kinds = classify(len(results), overlaps, matches, position, threshold)
    # Mending looks at one threshold only.
    single = {
        key: replace(m, hit=m.hit[:, [position]], neutral=m.neutral[:, [position]], claimed=m.claimed[:, [position]])
        for key, m in matches.items()
    }
    mended: dict[str, dict[int, CategoryMatches]] = {
        kind: {key: _without(m, kinds == kind) for key, m in single.items()}
        for kind in ("duplicate", "other_category", "background")
    }
    target = _best_instances(len(results), overlaps)
    mended["mislocalised"] = {key: _moved(m, kinds == "mislocalised", target) for key, m in single.items()}
    mended["missed"] = {key: replace(m, positives=int(m.hit.sum())) for key, m in single.items()}
    counted = [key for key, m in single.items() if m.positives]
    before = _mean_points(single, counted)
    return {
        "detections": {kind: int(np.sum(kinds == kind)) for kind in KINDS},
        "missed": sum(m.positives - int(m.hit.sum()) for m in single.values()),
        "ap_gain": {
            kind: _mean_points(changed, counted) - before if counted else None for kind, changed in mended.items()
        },
    }


def classify(
    count: int,
    overlaps: Mapping[int, ImageOverlaps],
    matches: Mapping[int, CategoryMatches],
    position: int,
    threshold: float,
) -> NDArray[np.str_]:
    """The kind (one of `KINDS`) of each of `count` detections."""
    kinds = np.full(count, "background", dtype="<U14")
    for image in overlaps.values():
        own, other = _own_and_other(image)
        kinds[image.rows[other >= TOUCHING]] = "other_category"
        kinds[image.rows[own >= TOUCHING]] = "mislocalised"
        kinds[image.rows[own >= threshold]] = "duplicate"
    for m in matches.values():
        kinds[m.rows[m.neutral[:, position]]] = "neutral"
        kinds[m.rows[m.hit[:, position]]] = "correct"
    return kinds


def recall(
    annotations: AnnotationSet, overlaps: Mapping[int, ImageOverlaps], threshold: float
) -> dict[str, float | None]:
    """Shares (0..1) of the instances that count which some detection overlaps by at least `threshold`.

    `own_category` asks for a detection of the instance's category, `any_category` for any detection: the difference
    is what naming loses, the rest what finding loses.
    """
    best_own, best_any = [], []
    for image_id, instances in annotations.instances_by_image.items():
        image = overlaps.get(image_id)
        for column, instance in enumerate(instances):
            if instance.ignore:
                continue
            values = image.values[:, column] if image is not None else np.zeros(0)
            named = image.categories == instance.category_id if image is not None else np.zeros(0, dtype=bool)
            best_any.append(values.max(initial=0.0))
            best_own.append(values[named].max(initial=0.0))
    return {
        name: float(np.mean(np.array(best) >= threshold)) if best else None
        for name, best in (("own_category", best_own), ("any_category", best_any))
    }


def with_perfect_masks(
    annotations: AnnotationSet, boxes: Results, overlaps: Mapping[int, ImageOverlaps], expansion: float
) -> list[Mapping[str, Any]]:
    """The detected boxes with the best masks that prediction could give them, in the order of `boxes`.

    Each gets the mask of the instance of its category that its box overlaps most (a crowd only where there is no
    other), cut to the box expanded by `expansion`, beyond which no heat map reaches; an empty mask where it touches
    none.
    """
    perfect = list(boxes)
    for image_id, image in overlaps.items():
        height, width = annotations.image_by_id[image_id].height, annotations.image_by_id[image_id].width
        for row, category_id, values in zip(image.rows, image.categories, image.values, strict=True):
            touched = [
                (not instance.crowd, value, -column)
                for column, (value, instance) in enumerate(zip(values, image.instances, strict=True))
                if instance.category_id == category_id and value > 0
            ]
            reach = clip(np.round(expand(from_coco(boxes[row]["bbox"]), expansion)), width, height)
            x0, y0, x1, y1 = reach.tolist() if touched else (0, 0, 0, 0)
            rectangle = masks.from_polygons([[x0, y0, x1, y0, x1, y1, x0, y1]], height, width)
            mask = intersection(image.instances[-max(touched)[2]].segmentation, rectangle) if touched else rectangle
            perfect[row] = {**boxes[row], "segmentation": mask}
    return perfect


def _own_and_other(image: ImageOverlaps) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The best overlap (n,) with an instance of the detection's category, and with one of any other.

    Crowds are left out: what lies on one is neutral already, or has little to do with it.
    """
    owners = np.array([instance.category_id for instance in image.instances], dtype=np.int64)
    crowd = np.array([instance.crowd for instance in image.instances], dtype=bool)
    same = image.categories[:, None] == owners[None, :]
    own = np.max(image.values, axis=1, where=same & ~crowd, initial=0.0)
    other = np.max(image.values, axis=1, where=~same & ~crowd, initial=0.0)
    return own, other


def _best_instances(count: int, overlaps: Mapping[int, ImageOverlaps]) -> NDArray[np.int64]:
    """Per detection the id of the counting instance of its category that it overlaps most, -1 for none."""
    best = np.full(count, -1, dtype=np.int64)
    for image in overlaps.values():
        for row, category_id, values in zip(image.rows, image.categories, image.values, strict=True):
            touched = [
                (value, -column, instance.id)
                for column, (value, instance) in enumerate(zip(values, image.instances, strict=True))
                if instance.category_id == category_id and not instance.ignore and value >= TOUCHING
            ]
            if touched:
                best[row] = max(touched)[2]
    return best


def _mean_points(matches: Mapping[int, CategoryMatches], counted: Sequence[int]) -> float:
    """Mean AP (0..100) over the categories of these ids at the first threshold; 0 for one without positives."""
    return 100 * sum(matches[key].average_precision(0) or 0.0 for key in counted) / max(len(counted), 1)


def _without(matches: CategoryMatches, chosen: NDArray[np.bool_]) -> CategoryMatches:
    """The detections of `chosen` (over the whole list of results) drop out."""
    return replace(matches, neutral=matches.neutral | chosen[matches.rows, None])


def _moved(matches: CategoryMatches, chosen: NDArray[np.bool_], target: NDArray[np.int64]) -> CategoryMatches:
    """The best-scored detection of `chosen` on each free instance becomes its hit, the others drop out."""
    hit, neutral = matches.hit.copy(), matches.neutral.copy()
    claimed = set(matches.claimed[matches.hit].tolist())
    for index in np.argsort(-matches.scores, kind="stable"):
        row = matches.rows[index]
        if not chosen[row]:
            continue
        if target[row] >= 0 and target[row] not in claimed:
            claimed.add(int(target[row]))
            hit[index] = True
        else:
            neutral[index] = True
    return replace(matches, hit=hit, neutral=neutral)
