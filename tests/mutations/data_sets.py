"""Readers of data sets, as the stage `check` runs them, and what they return in a form that can be compared."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.photographs import reading as images
from hypercolumns.parameters import Parameters
from hypercolumns.steps.data_set import read_annotations
from hypercolumns.workspace import SPLITS, Workspace
from tests.mutations.harness import Mutation, Reader, Reading


def data_set_readers(
    name: str,
    dataset: Mapping[str, Any],
    write: Callable[[Path], None],
    files: Mapping[str, Sequence[Mutation]],
    pixels: bool = False,
    folders: Sequence[str] = (),
) -> list[Reader]:
    """The reader of a data set, and the same with `dataset.skip_bad`.

    Parameters
    ----------
    dataset
        Parameters of the data set, without its folder.
    name, write, files, folders
        As in `Reader`.
    pixels
        Whether the pixels of photographs are compared too.
    """

    def reader(skip_bad: bool) -> Reader:
        def read(root: Path) -> Reading:
            return _read(root, {**dataset, "skip_bad": skip_bad}, pixels)

        return Reader(name + (", skip_bad" if skip_bad else ""), write, read, files, folders, sampled=skip_bad)

    return [reader(False), reader(True)]


def _read(root: Path, dataset: Mapping[str, Any], pixels: bool) -> Reading:
    """Read, save and load both splits."""
    parameters = Parameters.model_validate({"dataset": {**dataset, "root": str(root)}})
    sets = {}
    for split, annotations in read_annotations(parameters, Workspace(root), root).items():
        annotations.save(root / "saved.json")
        sets[split] = AnnotationSet.load(root / "saved.json")
    content = {split: comparable(sets[split], pixels) for split in SPLITS}
    return Reading(content, {split: {k: n for k, n in sets[split].counts.items() if n} for split in SPLITS})


def comparable(annotations: AnnotationSet, pixels: bool = False) -> dict[str, Any]:
    """Everything that a set says, with names in place of ids and without the order of its entries."""
    files = {image.id: image.file_name for image in annotations.images}
    names = {category.id: category.name for category in annotations.categories}
    found: dict[str, Any] = {
        "images": sorted(str((i.file_name, i.width, i.height, i.orientation, i.void)) for i in annotations.images),
        "categories": sorted(str((c.name, c.keypoints, c.skeleton, c.parts)) for c in annotations.categories),
        "instances": sorted(
            str((files[i.image_id], names[i.category_id], i.segmentation, i.box, i.area, i.crowd, i.difficult))
            + str((i.keypoints, i.parts))
            for i in annotations.instances
        ),
    }
    if pixels:
        pictures = ((i, images.read_photograph(annotations.image_path(i), i)) for i in annotations.images)
        found["pixels"] = sorted((i.file_name, crc32(picture.tobytes())) for i, picture in pictures)
    return found
