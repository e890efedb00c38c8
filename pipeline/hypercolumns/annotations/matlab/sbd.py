"""SBD, the Semantic Boundaries Dataset: label maps of objects in .mat files (`benchmark_RELEASE/dataset`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import require_folder
from hypercolumns.annotations.folders import PHOTOGRAPH_SUFFIXES, StemIndex
from hypercolumns.annotations.label_images import VOID
from hypercolumns.annotations.label_maps import VOC_CATEGORIES, LabelledObject, LabelMap, assemble
from hypercolumns.annotations.lists import read_list, require_list
from hypercolumns.annotations.matlab.mat_file import read_struct
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
        If a folder or list is missing, or, unless `bad_items` skips it, if a photograph or .mat file is missing or
        broken.
    """
    root = require_folder(settings.folder, "dataset.root")
    folder = require_folder(root / "img", "photographs of SBD, benchmark_RELEASE/dataset/img")
    require_folder(root / "inst", "instances of SBD, benchmark_RELEASE/dataset/inst")
    name = settings.train if split == "train" else settings.val
    photographs = StemIndex.of(folder, PHOTOGRAPH_SUFFIXES, "photograph")
    list_path = require_list(root, name, f"dataset.{split}")
    return assemble(
        settings,
        VOC_CATEGORIES,
        read_list(list_path, photographs.names, f"the folder {folder} has no photograph", bad_items),
        lambda stem: _load(photographs.find(stem), root / "inst" / f"{stem}.mat"),
        str(folder),
        f"SBD, {name}",
        bad_items,
    )


def _load(file_name: str, path: Path) -> LabelMap:
    numbers, categories = _read_mat(path)
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
    if segmentation.ndim != 2 or not segmentation.size:
        raise InputError(f"{path} is not {_FORMAT}: its mask has the shape {segmentation.shape}, not (height, width).")
    if categories.size >= VOID:
        raise InputError(f"{path} has {categories.size} categories; a mask holds at most {VOID - 1} objects.")
    with np.errstate(invalid="ignore"):
        numbers = segmentation.astype(np.uint8)
    if (numbers != segmentation).any():
        raise InputError(f"{path} is not {_FORMAT}: its mask holds values other than the numbers 0 to {VOID}.")
    return numbers, categories.astype(np.float64).ravel().tolist()


def _numbers(content: Mapping[str, Any], key: str, path: Path) -> NDArray[np.number | np.bool_]:
    if key not in content:
        raise InputError(f"{path} is not {_FORMAT}: it has no field {key!r}.")
    values = np.asarray(content[key])
    if values.dtype.kind not in "buif":
        raise InputError(f"{path} is not {_FORMAT}: its {key} are not numbers.")
    return values
