"""What the page is made of: the files of earlier stages, each of which may be missing still."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.annotations.model import AnnotationSet
from pipeline.errors import InputError, choices


@dataclass(frozen=True)
class Sources:
    """Where the earlier stages wrote."""

    train: Path
    val: Path
    proposals: Path
    segmentation: Path
    ablation: Path
    curves_50: Path
    """Precision over recall at mask IoU .5, as `evaluation.plots` has it."""
    curves_70: Path
    predictions: Path
    """Masks predicted in ground-truth boxes."""
    heat_maps: Path
    """Zarr group of `instance_id` (n,), `box` (n, 4) and `heat` (n, S, S) uint8, 255 for probability 1."""
    metrics: Path
    """Folder of the metrics of all tasks."""
    answers: Path
    """Folder of the predictions of all tasks."""


_PROPOSALS = ("box_recall_50", "box_recall_70", "mask_abo", "per_image", "instances")
_SEGMENTATION = ("ap_r_50", "ap_r_70", "ap_r_vol", "box_ap_50", "ground_truth_boxes", "diagnosis", "per_category")
_ABLATION = ("blocks", "grid", "mean_iou", "iou_70")


def read_annotations(path: Path) -> AnnotationSet | None:
    """The annotations, None when they have not been written yet."""
    return AnnotationSet.load(path) if path.exists() else None


def read_proposal_metrics(path: Path) -> dict[str, Any] | None:
    return _with_keys(path, _json(path), _PROPOSALS)


def read_segmentation_metrics(path: Path) -> dict[str, Any] | None:
    return _with_keys(path, _json(path), _SEGMENTATION)


def read_task_metrics(path: Path, keys: Sequence[str]) -> dict[str, Any] | None:
    return _with_keys(path, _json(path), keys)


def read_ablation(path: Path) -> list[dict[str, Any]] | None:
    """The configurations tried: `blocks`, `grid`, `mean_iou`, `iou_70` and more; None when none could be measured."""
    entries = read_rows(path) or []
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
