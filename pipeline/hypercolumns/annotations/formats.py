"""Formats of data sets: what `dataset.format` names, and how each is read."""

from collections.abc import Callable
from dataclasses import dataclass

from hypercolumns.annotations import coco, coco_parts, pascal_part, sbd, voc
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.parameters import DatasetParameters
from hypercolumns.parameters.dataset import FORMATS
from hypercolumns.workspace import Split


@dataclass(frozen=True)
class Format:
    """A format of annotations on disk."""

    name: str
    """As `dataset.format` has it."""
    read: Callable[[DatasetParameters, Split], AnnotationSet]
    """Reads one split below `dataset.root`; raises `InputError` naming the file that is missing or malformed."""
    splitting: str
    """What to change in the parameters when a photograph is in both splits, as the end of a sentence."""


_IMAGE_SETS = "name different image sets in dataset.train and dataset.val"

READERS: dict[str, Format] = {}
"""Every format that is read from disk, by name; the pictures of `puppets` are drawn."""


def register_format(new: Format) -> None:
    """Make `dataset.format` accept `new.name`; a format of the same name is replaced."""
    READERS[new.name] = new
    if new.name not in FORMATS:
        FORMATS.append(new.name)


def _read_coco(settings: DatasetParameters, split: Split) -> AnnotationSet:
    return coco.read(settings, split) if settings.parts_of is None else coco_parts.read(settings, split)


register_format(Format("voc", voc.read, _IMAGE_SETS))
register_format(Format("sbd", sbd.read, _IMAGE_SETS))
register_format(
    Format(
        "coco",
        _read_coco,
        "name different annotation files in dataset.train and dataset.val, or list the images of each in "
        "dataset.train_list and dataset.val_list",
    )
)
register_format(
    Format("pascal_part", pascal_part.read, "list the images of each in dataset.train_list and dataset.val_list")
)
