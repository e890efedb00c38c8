"""Reading both splits in any format, attaching keypoints and renaming parts and keypoints as the parameters ask."""

import hashlib
import logging
from collections.abc import Collection
from dataclasses import replace

from hypercolumns.annotations import keypoints, keypoints_coco, keypoints_voc
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import existing_path
from hypercolumns.annotations.formats import FORMATS
from hypercolumns.annotations.lists import find_list
from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.annotations.naming import choose_keypoints, merge_parts, unknown_parts
from hypercolumns.annotations.opening import no_size_warnings
from hypercolumns.annotations.photographs import check_photographs, read_folder
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from hypercolumns.workspace import SPLITS, Split

logger = logging.getLogger(__name__)


@no_size_warnings()
def read_splits(settings: DatasetParameters, tasks: Collection[str]) -> dict[Split, AnnotationSet]:
    """Read both splits of a data set on disk, and decode every photograph once.

    Parameters
    ----------
    settings
        Where the data set is, and which part of it is used.
    tasks
        The wanted tasks. What only other tasks need is left out and counted if it is malformed.

    Raises
    ------
    InputError
        Naming the file that is missing, broken or does not fit; or if a split has no image.
    """
    sets: dict[Split, AnnotationSet] = {}
    bad_items = {split: BadItems(settings.skip_bad, tasks) for split in SPLITS}
    sets["train"] = _read(settings, "train", bad_items["train"])
    if settings.val_share is not None:
        sets = _held_out(sets["train"], settings.val_share)
    elif (settings.folder / settings.val).is_dir() and find_list(settings.folder, settings.val) is None:
        sets["val"] = read_folder(settings, sets["train"].categories)
    else:
        sets["val"] = _read(settings, "val", bad_items["val"])
    for split in SPLITS:
        checked = check_photographs(sets[split], settings, bad_items[split])
        if not checked.images:
            raise InputError(f"{checked.description}: no image is left, since those of all annotations are malformed.")
        sets[split] = replace(checked, counts={**checked.counts, **bad_items[split].counts})
    return sets


def _read(settings: DatasetParameters, split: Split, bad_items: BadItems) -> AnnotationSet:
    """Read one split, with the keypoints of `settings.keypoints` if it is set."""
    annotations = FORMATS[settings.format].read(settings, split, bad_items)
    if not annotations.images:
        raise InputError(f"{annotations.description}: no image is left, since the annotations of all are malformed.")
    return annotations if settings.keypoints is None else _with_keypoints(annotations, settings, split, bad_items)


def _held_out(annotations: AnnotationSet, share: float) -> dict[Split, AnnotationSet]:
    """Split a set by a hash of file names, so that a photograph stays in its split when others are added.

    Raises
    ------
    InputError
        If one of the splits gets no photograph.
    """

    def is_held_out(image: Image) -> bool:
        digest = hashlib.sha256(image.file_name.encode()).digest()
        return int.from_bytes(digest[:8]) < share * 2**64

    held_out = {image.id for image in annotations.images if is_held_out(image)}
    sets: dict[Split, AnnotationSet] = {}
    for split in SPLITS:
        images = tuple(image for image in annotations.images if (image.id in held_out) == (split == "val"))
        if not images:
            raise InputError(
                f"dataset.val_share is {share:g}, which leaves none of the {len(annotations.images)} photographs for "
                f"{split}; choose a {'larger' if split == 'val' else 'smaller'} share, or name the splits."
            )
        sets[split] = replace(
            annotations,
            images=images,
            instances=tuple(i for i in annotations.instances if (i.image_id in held_out) == (split == "val")),
            description=f"{annotations.description}, {split} by dataset.val_share",
        )
    return sets


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


def _with_keypoints(
    annotations: AnnotationSet, settings: DatasetParameters, split: Split, bad_items: BadItems
) -> AnnotationSet:
    """Attach the keypoints of `settings.keypoints` or `val_keypoints`, a COCO file or a folder of XML files."""
    key = "val_keypoints" if split == "val" and settings.val_keypoints is not None else "keypoints"
    path = existing_path(settings.folder, getattr(settings, key), f"dataset.{key}")
    source = keypoints_voc.read(path, bad_items) if path.is_dir() else keypoints_coco.read(path, bad_items)
    return keypoints.attach(annotations, source, bad_items)
