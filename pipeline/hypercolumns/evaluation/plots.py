"""Plot data for DVC and the report: precision over recall, and AP per category."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.evaluation.detections import CategoryMatches

MEAN = "mean of categories"
"""Column of the mean curve."""


def precision_recall_rows(
    annotations: AnnotationSet, matches: Mapping[int, CategoryMatches], threshold: int
) -> list[dict[str, float]]:
    """Precision (envelope, 0..1) at the recalls 0, .01, ... 1: one row per recall, one column per category.

    The mean curve comes first; categories without instances are left out. `threshold` is a position among the
    thresholds of `matches`.
    """
    recall = np.arange(101) / 100
    columns = {
        category.name: matches[category.id].curve(threshold).precision_at(recall)
        for category in annotations.categories
        if category.id in matches and matches[category.id].positives
    }
    if not columns:
        return []
    columns = {MEAN: np.mean(list(columns.values()), axis=0)} | columns
    return [
        {"recall": float(r)} | {name: float(values[row]) for name, values in columns.items()}
        for row, r in enumerate(recall)
    ]


def category_rows(per_category: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row of a bar chart per category that has instances, by falling AP^r at .5."""
    rows = [
        {"category": name, "ap_r_50": m["ap_r_50"], "ap_r_70": m["ap_r_70"]}
        for name, m in per_category.items()
        if m["positives"]
    ]
    return sorted(rows, key=lambda row: (-row["ap_r_50"], row["category"]))
