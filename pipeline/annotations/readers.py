"""The data set of the parameters, whatever its format: annotations read, photographs checked."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pipeline.annotations import (
    coco,
    coco_parts,
    keypoints,
    keypoints_coco,
    keypoints_voc,
    pascal_part,
    puppets,
    sbd,
    voc,
)
from pipeline.annotations.bad_items import BadItems
from pipeline.annotations.files import each, named
from pipeline.annotations.images import read_photograph
from pipeline.annotations.model import AnnotationSet, Image
from pipeline.annotations.naming import choose_keypoints, merge_parts, unknown_parts
from pipeline.errors import InputError
from pipeline.parameters import DatasetParameters

_log = logging.getLogger(__name__)

READERS = {"voc": voc.read, "sbd": sbd.read, "coco": coco.read, "pascal_part": pascal_part.read}


def read(settings: DatasetParameters, split: Literal["train", "val"], seed: int, images: Path) -> AnnotationSet:
    """One split of the data set; only `puppets` uses `seed`, and writes its pictures into the folder `images`.

    Parts and keypoints are merged and named as the parameters say, whatever the format.

    Raises
    ------
    InputError
        Naming the file that is missing, broken or does not fit, or the table of names that does not.
    """
    if settings.format == "puppets":
        found = puppets.generate(settings, split, seed, images)
    elif settings.parts_of is not None:
        found = coco_parts.read(settings, split)
    else:
        found = READERS[settings.format](settings, split)
    if not found.images:
        raise InputError(f"{found.description}: no image is left; the annotations of all of them are malformed.")
    if settings.keypoints is not None:
        found = _with_keypoints(found, settings, split)
    _check_part_names(found, settings)
    return choose_keypoints(merge_parts(found, settings.part_names), settings.keypoint_names)


def _check_part_names(annotations: AnnotationSet, settings: DatasetParameters) -> None:
    """Refuse names that no part fits; where `settings.categories` leaves some out, the names may be of their parts."""
    for problem in unknown_parts(annotations, settings.part_names):
        if not settings.categories:
            raise InputError(problem)
        _log.warning("%s Those of the categories that dataset.categories leaves out are not among them.", problem)


def _with_keypoints(
    annotations: AnnotationSet, settings: DatasetParameters, split: Literal["train", "val"]
) -> AnnotationSet:
    """The annotations with the keypoints of `settings.keypoints` or `val_keypoints`: a COCO file or a folder of xml."""
    own = split == "val" and settings.val_keypoints is not None
    name = str(settings.val_keypoints if own else settings.keypoints)
    path = named(Path(settings.root), name, "dataset.val_keypoints" if own else "dataset.keypoints")
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
