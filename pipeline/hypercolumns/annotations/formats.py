"""Registry of annotation formats: the names that `dataset.format` accepts, and the function that reads each."""

from collections.abc import Callable
from dataclasses import dataclass

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco import parts_reader as coco_parts
from hypercolumns.annotations.coco import reader as coco
from hypercolumns.annotations.matlab import pascal_part, sbd
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.voc import reader as voc
from hypercolumns.parameters import DatasetParameters
from hypercolumns.parameters.dataset import FORMAT_NAMES
from hypercolumns.workspace import Split


@dataclass(frozen=True)
class Format:
    """A format of annotations on disk."""

    name: str
    """The value of `dataset.format`."""
    read: Callable[[DatasetParameters, Split, BadItems], AnnotationSet]
    """Reads one split below `dataset.root`; raises an `InputError` that names the missing or malformed file."""
    split_advice: str
    """How to change the parameters if both splits share a photograph, as the end of a sentence."""


FORMATS: dict[str, Format] = {}
"""Formats read from disk, by name. `puppets` is not among them: its images are drawn."""


def register_format(new: Format) -> None:
    """Make `dataset.format` accept `new.name`; a format of the same name is replaced.

    Raises
    ------
    ValueError
        If the name is that of the built-in data set, which is drawn.
    """
    if new.name == "puppets":
        raise ValueError("a format cannot be called 'puppets', the name of the built-in data set")
    FORMATS[new.name] = new
    if new.name not in FORMAT_NAMES:
        FORMAT_NAMES.append(new.name)


def _read_coco(settings: DatasetParameters, split: Split, bad_items: BadItems) -> AnnotationSet:
    reader = coco if settings.parts_of is None else coco_parts
    return reader.read(settings, split, bad_items)


_CHANGE_IMAGE_SETS = "name different image sets in dataset.train and dataset.val"
_CHANGE_LISTS = "list the images of each in dataset.train_list and dataset.val_list"
_CHANGE_FILES = f"name different annotation files in dataset.train and dataset.val, or {_CHANGE_LISTS}"

register_format(Format("voc", voc.read, _CHANGE_IMAGE_SETS))
register_format(Format("sbd", sbd.read, _CHANGE_IMAGE_SETS))
register_format(Format("coco", _read_coco, _CHANGE_FILES))
register_format(Format("pascal_part", pascal_part.read, _CHANGE_LISTS))
