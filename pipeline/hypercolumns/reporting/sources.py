"""Read the files that the page shows; each of them may still be missing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypercolumns.errors import InputError, choices
from hypercolumns.evaluation.judgement import rounded
from hypercolumns.input_files import require_json

PROPOSALS = ("box_recall_50", "box_recall_70", "mask_abo", "per_image", "instances")
SEGMENTATION = (
    "ap_r_50",
    "ap_r_70",
    "ap_r_vol",
    "box_ap_50",
    "detected_boxes",
    "ground_truth_boxes",
    "diagnosis",
    "per_category",
)
_ABLATION = ("blocks", "grid", "mean_iou", "iou_70")
"""Keys that the page needs from the metrics of proposals and of segmentation, and from each entry of the ablation."""


def read_metrics(path: Path, keys: Sequence[str]) -> dict[str, Any] | None:
    """Read metrics and check that they have `keys`; None until they are written.

    Raises
    ------
    InputError
        If a key is missing; names the first one.
    """
    return _with_keys(path, _read(path), keys)


def read_ablation(path: Path) -> list[dict[str, Any]] | None:
    """Read the configurations with a mean IoU: `blocks`, `grid`, `mean_iou`, `iou_70`; None until they are written.

    Numbers are rounded as in the metrics of the tasks, so that equal results have equal digits on the page.
    """
    entries = rounded(read_rows(path))
    for entry in entries or []:
        _with_keys(path, entry, _ABLATION)
    return entries and [entry for entry in entries if entry["mean_iou"] is not None]


def read_rows(path: Path) -> list[dict[str, Any]] | None:
    """Read a list of JSON objects; None until it is written.

    Raises
    ------
    InputError
        If the file holds anything else.
    """
    content = _read(path)
    if content is not None and not (isinstance(content, list) and all(isinstance(row, dict) for row in content)):
        raise InputError(f"{path} must be a list of JSON objects.")
    return content


def _read(path: Path) -> Any:
    return require_json(path) if path.exists() else None


def _with_keys(path: Path, content: Any, keys: Sequence[str]) -> dict[str, Any] | None:
    if content is None:
        return None
    missing = [key for key in keys if key not in content] if isinstance(content, dict) else list(keys)
    if missing:
        raise InputError(f"{path} lacks {missing[0]!r}; the report needs {choices(keys)}.")
    return content
