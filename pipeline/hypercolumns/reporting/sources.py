"""Reading the files that earlier steps wrote for the page, each of which may still be missing."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.errors import InputError, choices
from hypercolumns.evaluation.judgement import rounded

PROPOSALS = ("box_recall_50", "box_recall_70", "mask_abo", "per_image", "instances")
SEGMENTATION = ("ap_r_50", "ap_r_70", "ap_r_vol", "box_ap_50", "ground_truth_boxes", "diagnosis", "per_category")
_ABLATION = ("blocks", "grid", "mean_iou", "iou_70")
"""Keys that the page needs of `metrics/proposals.json`, `segmentation.json` and of each entry of `ablation.json`."""


def read_annotations(path: Path) -> AnnotationSet | None:
    """The annotations, None when they have not been written yet."""
    return AnnotationSet.load(path) if path.exists() else None


def read_metrics(path: Path, keys: Sequence[str]) -> dict[str, Any] | None:
    """Metrics that hold at least `keys`, None when they have not been written yet.

    Raises
    ------
    InputError
        Naming the first key that is missing.
    """
    return _with_keys(path, _json(path), keys)


def read_ablation(path: Path) -> list[dict[str, Any]] | None:
    """The configurations tried: `blocks`, `grid`, `mean_iou`, `iou_70` and more; None when none could be measured.

    Figures are rounded as those of the metrics are, or the same one would differ in its last digit on the page.
    """
    entries = rounded(read_rows(path) or [])
    for entry in entries:
        _with_keys(path, entry, _ABLATION)
    return [entry for entry in entries if entry["mean_iou"] is not None] or None


def read_rows(path: Path) -> list[dict[str, Any]] | None:
    """A list of objects, None when the file has not been written yet or is empty.

    Raises
    ------
    InputError
        When the file holds something else.
    """
    content = _json(path)
    if content is not None and not (isinstance(content, list) and all(isinstance(row, dict) for row in content)):
        raise InputError(f"{path} must hold a list of objects.")
    return content or None


def _json(path: Path) -> Any:
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not JSON: {error}.") from None


def _with_keys(path: Path, content: Any, keys: Sequence[str]) -> dict[str, Any] | None:
    if content is None:
        return None
    missing = [key for key in keys if key not in content] if isinstance(content, dict) else list(keys)
    if missing:
        raise InputError(f"{path} lacks {missing[0]!r}; the report needs {choices(keys)}.")
    return content
