"""SBD, the Semantic Boundaries Dataset (`benchmark_RELEASE/dataset`): img, inst/*.mat, train.txt, val.txt."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.files import image_size, named, other_size, read_stems, require_folder
from hypercolumns.annotations.label_maps import VOC_CATEGORIES, VOID, LabelledObject, LabelMap, assemble
from hypercolumns.annotations.mat_file import read_struct
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from hypercolumns.workspace import Split

_FORMAT = "SBD annotation (GTinst with Segmentation and Categories)"


def read(settings: DatasetParameters, split: Split) -> AnnotationSet:
    """The images of the list `settings.train` or `settings.val` (a name, without ".txt") with SBD's instances.

    Raises
    ------
    InputError
        For a missing folder, list, photograph or .mat file, a broken one, or a mask of another size.
    """
    root = require_folder(Path(settings.root), "dataset.root")
    photographs = require_folder(root / "img", "photographs of SBD, benchmark_RELEASE/dataset/img")
    require_folder(root / "inst", "instances of SBD, benchmark_RELEASE/dataset/inst")
    name = settings.train if split == "train" else settings.val
    listed = named(root, f"{name}.txt", f"dataset.{split}")
    return assemble(settings, read_stems(listed), lambda stem: _load(root, stem), str(photographs), f"SBD, {name}")


def _load(root: Path, stem: str) -> LabelMap:
    file_name = f"{stem}.jpg"
    size = image_size(root / "img" / file_name)
    path = root / "inst" / f"{stem}.mat"
    numbers, categories = _read_mat(path)
    if numbers.shape[::-1] != size:
        raise InputError(other_size(f"The mask in {path}", numbers.shape[::-1], size))
    highest = int(numbers[numbers != VOID].max(initial=0))
    for number, category in enumerate(categories, start=1):
        if category not in range(1, len(VOC_CATEGORIES) + 1):
            raise InputError(
                f"{path}: object {number} has the category {category:g}; categories are 1 to {len(VOC_CATEGORIES)}."
            )
    if highest > len(categories):
        raise InputError(f"{path} has an object {highest} in its mask, but only {len(categories)} categories.")
    objects = tuple(LabelledObject(number, int(category)) for number, category in enumerate(categories, start=1))
    return LabelMap(file_name, numbers, objects)


def _read_mat(path: Path) -> tuple[NDArray[np.uint8], list[float]]:
    """Object numbers (height, width) and the category of each object."""
    content = read_struct(path, "GTinst", _FORMAT)
    given, categories = (_numbers(content, key, path) for key in ("Segmentation", "Categories"))
    if given.ndim != 2:
        raise InputError(f"{path} is no {_FORMAT}: its mask has {given.ndim} dimensions, not 2.")
    with np.errstate(invalid="ignore"):
        numbers = given.astype(np.uint8)
    if (numbers != given).any():
        raise InputError(f"{path} is no {_FORMAT}: its mask holds values other than the numbers 0 to {VOID}.")
    return numbers, categories.ravel().tolist()


def _numbers(content: Mapping[str, Any], key: str, path: Path) -> NDArray[np.float64]:
    if key not in content:
        raise InputError(f"{path} is no {_FORMAT}: it has no field {key!r}.")
    values = np.asarray(content[key])
    if values.dtype.kind not in "buif":
        raise InputError(f"{path} is no {_FORMAT}: its {key} are no numbers.")
    return values.astype(np.float64)
