"""Keypoints: one heat map each, positive near the keypoint; the answer is the map's peak. Paper, section 4.2."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet, Category
from hypercolumns.grid.targets import IGNORE, NEGATIVE, POSITIVE
from hypercolumns.parameters import KeypointParameters
from hypercolumns.regions.interpolation import location_centres
from hypercolumns.tasks.locations import pixels_under
from hypercolumns.tasks.peaks import Peak, find_peaks
from hypercolumns.tasks.task import Region, coco_result, union


@dataclass(frozen=True)
class KeypointTask:
    """A target per name of a keypoint; a category's answer looks at its own keypoints only."""

    annotations: AnnotationSet
    settings: KeypointParameters
    name = "keypoints"

    @property
    def categories(self) -> tuple[Category, ...]:
        return self.annotations.categories

    @cached_property
    def targets(self) -> tuple[str, ...]:
        return union(category.keypoints for category in self.annotations.categories)

    def targets_of(self, category_id: int) -> Sequence[int]:
        """A category's keypoints; see `Task`."""
        return self._targets_by_category[category_id]

    @cached_property
    def _targets_by_category(self) -> dict[int, list[int]]:
        return {c.id: [self.targets.index(name) for name in c.keypoints] for c in self.annotations.categories}

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        """Positive within `settings.radius` of the keypoint, in shares of the expanded box's sides, hidden or not.

        Ignored: keypoints that are not labelled or that the category does not have, and what lies outside of the
        photograph. See `hypercolumns.grid.targets.Targets`.
        """
        maps = np.full((len(regions), len(self.targets), size, size), IGNORE, dtype=np.int8)
        for row, (identifier, box) in enumerate(zip(regions["instance"], boxes, strict=True)):
            instance = self.annotations.instance_by_id[int(identifier)]
            image = self.annotations.image_by_id[instance.image_id]
            x, y = location_centres(box, size)
            outside = ~pixels_under(box, size, image.width, image.height).inside
            points = np.array(instance.keypoints, dtype=np.float64).reshape(-1, 3)
            own = self.targets_of(instance.category_id)
            for target, (at_x, at_y, visibility) in zip(own, points, strict=False):
                if visibility > 0:
                    far = np.hypot((x - at_x) / (box[2] - box[0]), ((y - at_y) / (box[3] - box[1]))[:, None])
                    labels = np.where(far <= self.settings.radius, POSITIVE, NEGATIVE)
                    maps[row, target] = np.where(outside, IGNORE, labels)
        return maps

    def answer(self, heat: NDArray[np.float32], region: Region) -> list[dict[str, Any]]:
        """One result per hypothesis, the best first: x, y in pixels and a score per keypoint of the category.

        A keypoint's score is detection score times peak, the result's their mean. Where a keypoint has fewer peaks
        than others, it is 0, 0, 0. See `Task`.
        """
        own = self.targets_of(region.category_id)
        inside = pixels_under(region.box, heat.shape[1], region.width, region.height).inside
        count = 1 if region.is_ground_truth else self.settings.hypotheses
        peaks = [find_peaks(np.where(inside, heat[target], -1), count, self.settings.radius) for target in own]
        detection = float(region.row["score"])
        results = []
        for hypothesis in range(max(len(found) for found in peaks)):
            chosen = [found[hypothesis] if hypothesis < len(found) else None for found in peaks]
            points = [_in_photograph(peak, region.box, detection) for peak in chosen]
            answer = {
                "keypoints": [value for point in points for value in point],
                "score": round(float(np.mean([score for _, _, score in points])), 6),
            }
            results.append(coco_result(region.row, answer))
        return results


def _in_photograph(peak: Peak | None, box: NDArray[np.float64], detection: float) -> tuple[float, float, float]:
    """x, y in pixels and score."""
    if peak is None:
        return 0.0, 0.0, 0.0
    x, y = box[0] + (box[2] - box[0]) * peak.x, box[1] + (box[3] - box[1]) * peak.y
    return round(float(x), 2), round(float(y), 2), round(detection * peak.heat, 6)
