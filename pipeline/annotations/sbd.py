"""SBD, the Semantic Boundaries Dataset (`benchmark_RELEASE/dataset`): img, inst/*.mat, train.txt, val.txt."""

import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from pipeline.annotations.files import image_size, named, other_size, read_stems, require_folder
from pipeline.annotations.label_maps import VOC_CATEGORIES, VOID, LabelledObject, LabelMap, assemble
from pipeline.annotations.model import AnnotationSet
from pipeline.errors import InputError
from pipeline.parameters import DatasetParameters

_BROKEN = (OSError, ValueError, TypeError, KeyError, IndexError, NotImplementedError, MatReadError, zlib.error)


def read(settings: DatasetParameters, split: Literal["train", "val"]) -> AnnotationSet:
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
        if not 1 <= category <= len(VOC_CATEGORIES):
            raise InputError(
                f"{path}: object {number} has the category {category}; categories are 1 to {len(VOC_CATEGORIES)}."
            )
    if highest > len(categories):
        raise InputError(f"{path} has an object {highest} in its mask, but only {len(categories)} categories.")
    objects = tuple(LabelledObject(number, category) for number, category in enumerate(categories, start=1))
    return LabelMap(file_name, numbers, objects)


def _read_mat(path: Path) -> tuple[NDArray[np.uint8], list[int]]:
    """Object numbers (height, width) and the category of each object."""
    try:
        with path.open("rb") as stream:  # by its own name loadmat reports a missing file as something else
            content = loadmat(stream, variable_names=["GTinst"])["GTinst"][0, 0]
        given = np.asarray(content["Segmentation"], dtype=np.float64)
        categories = [int(c) for c in np.asarray(content["Categories"]).ravel()]
    except FileNotFoundError:
        raise InputError(f"The annotation {path} does not exist.") from None
    except _BROKEN as error:
        raise InputError(f"{path} is no SBD annotation (GTinst with Segmentation and Categories): {error}.") from None
    if given.ndim != 2:
        raise InputError(f"{path} is no SBD annotation: its mask has {given.ndim} dimensions, not 2.")
    with np.errstate(invalid="ignore"):
        numbers = given.astype(np.uint8)
    if (numbers != given).any():
        raise InputError(f"{path} is no SBD annotation: its mask holds values other than the numbers 0 to {VOID}.")
    return numbers, categories
