"""Reading one split in any format, attaching keypoints and renaming parts and keypoints as the parameters ask."""

import logging
from pathlib import Path

from hypercolumns.annotations import keypoints, keypoints_coco, keypoints_voc
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import existing_path, map_in_threads
from hypercolumns.annotations.formats import FORMATS
from hypercolumns.annotations.images import read_photograph
from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.annotations.naming import choose_keypoints, merge_parts, unknown_parts
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from hypercolumns.workspace import Split

logger = logging.getLogger(__name__)


def read(settings: DatasetParameters, split: Split) -> AnnotationSet:
    """Read one split of a data set on disk, with the keypoints of `settings.keypoints` if it is set.

    Raises
    ------
    InputError
        Naming the file that is missing, broken or does not fit; or if every image is malformed.
    """
    annotations = FORMATS[settings.format].read(settings, split)
    if not annotations.images:
        raise InputError(f"{annotations.description}: no image is left, since the annotations of all are malformed.")
    return annotations if settings.keypoints is None else _with_keypoints(annotations, settings, split)


def rename(annotations: AnnotationSet, settings: DatasetParameters) -> AnnotationSet:
    """Merge and rename parts and keypoints according to `dataset.part_names` and `dataset.keypoint_names`.

    Raises
    ------
    InputError
        If a name or pattern in them matches nothing. For parts, this is only a warning if `dataset.categories` is
        set, since the part may belong to a category that it leaves out.
    """
    for problem in unknown_parts(annotations, settings.part_names):
        if not settings.categories:
            raise InputError(problem)
        logger.warning("%s Parts of categories that dataset.categories leaves out are not listed.", problem)
    return choose_keypoints(merge_parts(annotations, settings.part_names), settings.keypoint_names)


def _with_keypoints(annotations: AnnotationSet, settings: DatasetParameters, split: Split) -> AnnotationSet:
    """Attach the keypoints of `settings.keypoints` or `val_keypoints`, a COCO file or a folder of XML files."""
    key = "val_keypoints" if split == "val" and settings.val_keypoints is not None else "keypoints"
    path = existing_path(Path(settings.root), getattr(settings, key), f"dataset.{key}")
    bad_items = BadItems(settings.skip_bad)
    source = keypoints_voc.read(path, bad_items) if path.is_dir() else keypoints_coco.read(path, bad_items)
    return keypoints.attach(annotations, source, bad_items)


def check_photographs(annotations: AnnotationSet) -> None:
    """Decode every photograph once, so that no later step meets one that is missing, truncated or resized.

    Raises
    ------
    InputError
        For the first photograph, in order, that cannot be read or differs in size from its annotations.
    """

    def check(image: Image) -> None:
        # Nothing is returned: the photographs together may not fit in memory.
        read_photograph(annotations.image_path(image), image)

    map_in_threads(check, annotations.images, "photographs")
