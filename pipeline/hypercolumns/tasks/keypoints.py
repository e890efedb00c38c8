"""Keypoint prediction: one heat map per keypoint, whose peak is the answer. Paper, section 4.2."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import Instance
from hypercolumns.grid.targets import IGNORE, NEGATIVE, POSITIVE
from hypercolumns.parameters import KeypointParameters
from hypercolumns.regions.interpolation import location_centres
from hypercolumns.tasks.locations import Pixels, pixels_under
from hypercolumns.tasks.peaks import Peak, find_peaks
from hypercolumns.tasks.task import AnnotatedTask, Region, coco_result, union


@dataclass(frozen=True)
class KeypointTask(AnnotatedTask):
    """One target per keypoint name; answers for a category use the targets of its keypoints."""

    settings: KeypointParameters
    name = "keypoints"

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The keypoint names of all categories."""
        return union(category.keypoints for category in self.categories)

    def targets_of(self, category_id: int) -> Sequence[int]:
        """The category's keypoints; see `Task.targets_of`."""
        return [self.targets.index(name) for name in self.annotations.category_by_id[category_id].keypoints]

    def label(self, instance: Instance, pixels: Pixels, maps: NDArray[np.int8]) -> None:
        """Label the locations near each keypoint positive, whether it is visible or hidden, and the others negative.

        "Near" is within `settings.radius`, in shares of the expanded box's sides. Ignored are keypoints that are not
        labelled or that the category does not have, and locations outside the photograph. See `AnnotatedTask.label`.
        """
        x0, y0, x1, y1 = pixels.box
        x, y = location_centres(pixels.box, maps.shape[1])
        points = np.array(instance.keypoints, dtype=np.float64).reshape(-1, 3)  # none without annotated keypoints
        for target, (true_x, true_y, visibility) in zip(self.targets_of(instance.category_id), points, strict=False):
            if visibility > 0:
                distance = np.hypot((x - true_x) / (x1 - x0), ((y - true_y) / (y1 - y0))[:, None])
                labels = np.where(distance <= self.settings.radius, POSITIVE, NEGATIVE)
                maps[target] = np.where(pixels.inside, labels, IGNORE)

    def answer(self, heat: NDArray[np.float32], region: Region) -> list[dict[str, Any]]:
        """Answer with one result per hypothesis, best first; see `Task.answer`.

        `keypoints` is a flat list of x, y in pixels and a score for each keypoint of the category. A keypoint's score
        is the detection's score times the heat of the peak, and the result's score is the mean over its keypoints. A
        keypoint with fewer peaks than there are hypotheses is 0, 0, 0 in the remaining ones.
        """
        targets = self.targets_of(region.category_id)
        inside = pixels_under(region.box, heat.shape[1], region.width, region.height).inside
        count = 1 if region.is_ground_truth else self.settings.hypotheses
        peaks = [find_peaks(np.where(inside, heat[target], -1), count, self.settings.radius) for target in targets]
        results = []
        for chosen in zip_longest(*peaks):
            points = [_scored_point(peak, region.box, float(region.row["score"])) for peak in chosen]
            answer = {
                "keypoints": [value for point in points for value in point],
                "score": round(float(np.mean([score for _, _, score in points])), 6),
            }
            results.append(coco_result(region.row, answer))
        return results


def _scored_point(peak: Peak | None, box: NDArray[np.float64], score: float) -> tuple[float, float, float]:
    """Position x, y of a peak in pixels, and its heat times the detection's `score`; zeros without a peak."""
    if peak is None:
        return 0.0, 0.0, 0.0
    x, y = box[0] + (box[2] - box[0]) * peak.x, box[1] + (box[3] - box[1]) * peak.y
    return round(float(x), 2), round(float(y), 2), round(score * peak.heat, 6)
