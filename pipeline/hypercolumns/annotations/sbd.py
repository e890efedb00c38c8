"""SBD, the Semantic Boundaries Dataset: label maps of objects in .mat files (`benchmark_RELEASE/dataset`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import existing_path, image_size, read_stems, require_folder, size_mismatch
from hypercolumns.annotations.label_maps import VOC_CATEGORIES, VOID, LabelledObject, LabelMap, assemble
from hypercolumns.annotations.mat_file import read_struct
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from hypercolumns.workspace import Split

_FORMAT = "an SBD annotation (GTinst with Segmentation and Categories)"


def read(settings: DatasetParameters, split: Split, bad_items: BadItems) -> AnnotationSet:
    """Read the images in the list `settings.train` or `settings.val` (a name without ".txt").

    Raises
    ------
    InputError
        If a folder, list, photograph or .mat file is missing or broken, or a mask does not fit its photograph.
    """
    root = require_folder(settings.folder, "dataset.root")
    photographs = require_folder(root / "img", "photographs of SBD, benchmark_RELEASE/dataset/img")
    require_folder(root / "inst", "instances of SBD, benchmark_RELEASE/dataset/inst")
    name = settings.train if split == "train" else settings.val
    list_path = existing_path(root, f"{name}.txt", f"dataset.{split}")
    return assemble(
        settings, read_stems(list_path), lambda stem: _load(root, stem), str(photographs), f"SBD, {name}", bad_items
    )


def _load(root: Path, stem: str) -> LabelMap:
    file_name = f"{stem}.jpg"
    size = image_size(root / "img" / file_name)
    path = root / "inst" / f"{stem}.mat"
    numbers, categories = _read_mat(path)
    if numbers.shape[::-1] != size:
        raise InputError(size_mismatch(f"The mask in {path}", numbers.shape[::-1], size))
    last = len(VOC_CATEGORIES)
    for number, category in enumerate(categories, start=1):
        if category not in range(1, last + 1):
            raise InputError(f"{path}: object {number} has the category {category:g}; categories are 1 to {last}.")
    highest = int(numbers[numbers != VOID].max(initial=0))
    if highest > len(categories):
        raise InputError(f"{path} has the object {highest} in its mask, but only {len(categories)} categories.")
    objects = tuple(LabelledObject(number, int(category)) for number, category in enumerate(categories, start=1))
    return LabelMap(file_name, numbers, objects)


def _read_mat(path: Path) -> tuple[NDArray[np.uint8], list[float]]:
    """Read the object numbers (height, width) and the category of each object."""
    content = read_struct(path, "GTinst", _FORMAT)
    segmentation, categories = (_numbers(content, key, path) for key in ("Segmentation", "Categories"))
    if segmentation.ndim != 2:
        raise InputError(f"{path} is not {_FORMAT}: its mask has {segmentation.ndim} dimensions, not 2.")
    with np.errstate(invalid="ignore"):
        numbers = segmentation.astype(np.uint8)
    if (numbers != segmentation).any():
        raise InputError(f"{path} is not {_FORMAT}: its mask holds values other than the numbers 0 to {VOID}.")
    return numbers, categories.ravel().tolist()


def _numbers(content: Mapping[str, Any], key: str, path: Path) -> NDArray[np.float64]:
    if key not in content:
        raise InputError(f"{path} is not {_FORMAT}: it has no field {key!r}.")
    values = np.asarray(content[key])
    if values.dtype.kind not in "buif":
        raise InputError(f"{path} is not {_FORMAT}: its {key} are not numbers.")
    return values.astype(np.float64)
