"""A data set in VOC layout on disk: its folders, and the masks and XML annotation of a photograph."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.files import require_folder
from hypercolumns.annotations.folders import MASK_SUFFIXES, PHOTOGRAPH_SUFFIXES, StemIndex
from hypercolumns.annotations.label_images import VOID, read_classes, read_numbers, refuse_binary, row_blocks
from hypercolumns.annotations.voc.class_table import ClassTable
from hypercolumns.annotations.voc.xml_objects import MaskObject
from hypercolumns.errors import InputError
from hypercolumns.input_files import is_folder

_WHO_WRITES = {
    "JPEGImages": "CVAT writes it if the photographs are exported too (Save images).",
    "SegmentationObject": "labelme2voc writes it unless --noobject is given, CVAT in its format Segmentation mask 1.1.",
    "SegmentationClass": "labelme2voc writes it, CVAT in its format Segmentation mask 1.1.",
}


_MOST_OF_ANOTHER_CLASS = 0.25
"""Largest share of an object that may have another class; borders drawn by hand differ by a few per cent."""


@dataclass(frozen=True)
class Masks:
    """The masks of a photograph."""

    numbers: NDArray[np.uint8]
    """(height, width): object numbers, 0 for background, 255 for void."""
    classes: NDArray[np.uint8]
    """(height, width): class values, 0 for background, 255 for void."""
    numbers_path: Path
    classes_path: Path

    def objects(self) -> list[MaskObject]:
        """The objects that have pixels, in order of their numbers.

        Raises
        ------
        InputError
            If a number covers several classes, as in a mask that is numbered anew for each class or not at all.
        """
        height = VOID + 1
        votes = np.zeros((height, height), dtype=np.intp)
        for block in row_blocks(self.numbers):
            pairs = self.numbers[block].astype(np.intp) * height + self.classes[block]
            votes += np.bincount(pairs.ravel(), minlength=height * height).reshape(height, height)
        votes[:, [0, VOID]] = 0
        runners_up = np.sort(votes, axis=1)[:, -2]
        mixed = np.flatnonzero(runners_up > _MOST_OF_ANOTHER_CLASS * votes.sum(axis=1))
        mixed = mixed[(mixed != 0) & (mixed != VOID)]
        if mixed.size:
            number = int(mixed[0])
            first, second = sorted(np.argsort(votes[number])[-2:].tolist())
            raise InputError(
                f"The object {number} in the mask {self.numbers_path} covers the classes {first} and {second} of "
                f"{self.classes_path}; give each object of a photograph a number of its own, whatever its class."
            )
        from scipy.ndimage import find_objects  # other formats, such as the built-in one, do without

        return [
            MaskObject(number, int(votes[number].argmax()), _box(*place))
            for number, place in enumerate(find_objects(self.numbers, max_label=VOID - 1), start=1)
            if place is not None
        ]


def _box(rows: slice, columns: slice) -> tuple[float, float, float, float]:
    return float(columns.start), float(rows.start), float(columns.stop), float(rows.stop)


@dataclass(frozen=True)
class VocFolder:
    """The files of a data set in VOC layout, by the stem of their photograph."""

    root: Path
    photographs: StemIndex
    object_masks: StemIndex
    class_masks: StemIndex
    annotations: StemIndex
    """XML files; a data set may have none."""

    @classmethod
    def open(cls, root: Path) -> "VocFolder":
        """List the files below `root`.

        Raises
        ------
        InputError
            If a folder other than Annotations is missing.
        """
        require_folder(root, "dataset.root")
        for name, note in _WHO_WRITES.items():
            if not is_folder(root / name):
                found = [
                    path for path in (root.parent, *root.glob("*/")) if all(is_folder(path / n) for n in _WHO_WRITES)
                ]
                advice = f"Should dataset.root be {found[0]}?" if found else note
                raise InputError(f"The folder {root / name} does not exist; dataset.format voc needs it. {advice}")
        return cls(
            root,
            StemIndex.of(root / "JPEGImages", PHOTOGRAPH_SUFFIXES, "photograph"),
            StemIndex.of(root / "SegmentationObject", MASK_SUFFIXES, "mask"),
            StemIndex.of(root / "SegmentationClass", MASK_SUFFIXES, "mask"),
            StemIndex.of(root / "Annotations", (".xml",), "annotation"),
        )

    def read_masks(self, stem: str, table: ClassTable) -> Masks:
        """Read the masks of a photograph; pixels that are void in either are void.

        Raises
        ------
        InputError
            If a mask is missing or unusable, or the two differ in size.
        """
        if stem not in self.object_masks.names and stem not in self.class_masks.names:
            raise InputError(
                f"The photograph {stem!r} has no mask in {self.object_masks.folder} and {self.class_masks.folder}. "
                "CVAT and Datumaro write none for a photograph without objects: take its name off the list, or set "
                "dataset.skip_bad to leave such photographs out."
            )
        numbers_path, classes_path = (i.folder / i.find(stem) for i in (self.object_masks, self.class_masks))
        numbers, classes = read_numbers(numbers_path), read_classes(classes_path, table.colours, table.source)
        if numbers.shape != classes.shape:
            one, two = (" x ".join(map(str, mask.shape[::-1])) for mask in (numbers, classes))
            raise InputError(
                f"The mask {numbers_path} is {one} pixels, but {classes_path} is {two}; both need the size of the "
                "photograph."
            )
        if numbers.any():
            refuse_binary(classes, classes_path, "classes")
        # labelme2voc writes void into the class mask only.
        return Masks(
            np.where((numbers == 0) & (classes == VOID), np.uint8(VOID), numbers), classes, numbers_path, classes_path
        )

    def xml_path(self, stem: str) -> Path | None:
        """Path of the XML annotation of a photograph; None if it has none.

        Raises
        ------
        InputError
            If it has several.
        """
        return self.annotations.folder / self.annotations.find(stem) if stem in self.annotations.names else None
