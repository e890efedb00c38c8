"""Reads a split of the data set, whatever its format, with keypoints and names as the parameters ask for."""

import logging
from dataclasses import replace
from pathlib import Path

from hypercolumns.annotations import keypoints, keypoints_coco, keypoints_voc
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import each, named
from hypercolumns.annotations.formats import READERS
from hypercolumns.annotations.images import read_photograph
from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.annotations.naming import choose_keypoints, merge_parts, unknown_parts
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from hypercolumns.workspace import Split

logger = logging.getLogger(__name__)


def read(settings: DatasetParameters, split: Split) -> AnnotationSet:
    """Read one split of a data set on disk.

    Raises
    ------
    InputError
        Naming the file that is missing, broken or does not fit.
    """
    found = READERS[settings.format].read(settings, split)
    if not found.images:
        raise InputError(f"{found.description}: no image is left; the annotations of all of them are malformed.")
    return found if settings.keypoints is None else _with_keypoints(found, settings, split)


def rename(annotations: AnnotationSet, settings: DatasetParameters) -> AnnotationSet:
    """Merge and name parts and keypoints as `dataset.part_names` and `dataset.keypoint_names` say.

    Raises
    ------
    InputError
        When a name in them fits nothing. A part's name only warns where `dataset.categories` leaves categories out,
        since the part may be one of theirs.
    """
    for problem in unknown_parts(annotations, settings.part_names):
        if not settings.categories:
            raise InputError(problem)
        logger.warning("%s Those of the categories that dataset.categories leaves out are not among them.", problem)
    return choose_keypoints(merge_parts(annotations, settings.part_names), settings.keypoint_names)


def _with_keypoints(annotations: AnnotationSet, settings: DatasetParameters, split: Split) -> AnnotationSet:
    """The annotations with the keypoints of `settings.keypoints` or `val_keypoints`: a COCO file or a folder of xml."""
    separate = split == "val" and settings.val_keypoints is not None
    name = str(settings.val_keypoints if separate else settings.keypoints)
    path = named(Path(settings.root), name, "dataset.val_keypoints" if separate else "dataset.keypoints")
    bad = BadItems(settings.skip_bad)
    source = keypoints_voc.read(path, bad) if path.is_dir() else keypoints_coco.read(path, bad)
    found = keypoints.attach(annotations, source, bad)
    return replace(found, counts={**found.counts, "bad_items": found.counts.get("bad_items", 0) + bad.count})


def check_photographs(annotations: AnnotationSet) -> None:
    """Decode every photograph once, so that no later step meets a missing, truncated or resized one.

    Raises
    ------
    InputError
        For the first photograph, in order, that cannot be read or has another size than its annotations.
    """

    def check(image: Image) -> None:
        read_photograph(annotations.image_path(image), image)  # and forget it: all of them may not fit in memory

    each(check, annotations.images, "photographs")
