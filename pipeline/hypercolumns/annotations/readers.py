"""Reading both splits in any format, attaching keypoints and renaming parts and keypoints as the parameters ask."""

import hashlib
import logging
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from hypercolumns.annotations.alignment import align
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import existing_path
from hypercolumns.annotations.formats import FORMATS
from hypercolumns.annotations.keypoints import attaching as keypoints
from hypercolumns.annotations.keypoints import coco_source as keypoints_coco
from hypercolumns.annotations.keypoints import voc_source as keypoints_voc
from hypercolumns.annotations.lists import val_is_folder
from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.annotations.naming import choose_keypoints, merge_parts, unknown_parts
from hypercolumns.annotations.photographs.checking import check_photographs, read_folder
from hypercolumns.annotations.photographs.opening import no_size_warnings
from hypercolumns.errors import InputError
from hypercolumns.input_files import is_folder
from hypercolumns.parameters import DatasetParameters
from hypercolumns.workspace import SPLITS, Split

logger = logging.getLogger(__name__)


@no_size_warnings()
def read_splits(
    settings: DatasetParameters, tasks: Collection[str], *, decode: bool = True
) -> dict[Split, AnnotationSet]:
    """Read both splits of a data set on disk, and give val the categories of train.

    Parameters
    ----------
    settings
        Where the data set is, and which part of it is used.
    tasks
        The wanted tasks. What only other tasks need is left out and counted if it is malformed.
    decode
        Whether to decode every photograph, or only look at its header.

    Raises
    ------
    InputError
        Naming the file that is missing, broken or does not fit; or if a split has no image.
    """
    sets: dict[Split, AnnotationSet] = {}
    bad_items = {split: BadItems(settings.skip_bad, tasks) for split in SPLITS}
    sets["train"] = read(settings, "train", bad_items["train"])
    if settings.val_share is not None:
        sets = _held_out(sets["train"], settings.val_share)
    elif val_is_folder(settings):
        sets["val"] = read_folder(settings, sets["train"].categories)
    else:
        sets["val"] = read(settings, "val", bad_items["val"])
    if settings.train_limit is not None:
        sets["train"] = _limited(sets["train"], settings.train_limit)
    sets["val"] = align(sets["val"], sets["train"].categories, tasks)
    sets = _with_checked_photographs(sets, settings, bad_items, decode)
    return {split: replace(s, counts={**s.counts, **bad_items[split].counts}) for split, s in sets.items()}


def read(settings: DatasetParameters, split: Split, bad_items: BadItems) -> AnnotationSet:
    """Read the annotations of one split, with the keypoints of `settings.keypoints` if a task needs them.

    Raises
    ------
    InputError
        Naming the file that is missing, broken or does not fit; or if every image is malformed.
    """
    source = _keypoint_source(settings, split) if "keypoints" in bad_items.tasks else None
    annotations = FORMATS[settings.format].read(settings, split, bad_items)
    if not annotations.images:
        raise InputError(f"{annotations.description}: no image is left. {bad_items.first_message}")
    if source is None or not annotations.instances:
        return annotations
    return _with_keypoints(annotations, source, settings, bad_items)


def _with_checked_photographs(
    sets: dict[Split, AnnotationSet], settings: DatasetParameters, bad_items: dict[Split, BadItems], decode: bool
) -> dict[Split, AnnotationSet]:
    """Check the photographs of both splits, and list the unusable ones of both in one error."""
    checked: dict[Split, AnnotationSet] = {}
    problems = []
    for split, annotations in sets.items():
        try:
            checked[split] = check_photographs(annotations, settings, bad_items[split], decode=decode)
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))
    return checked


def _held_out(annotations: AnnotationSet, share: float) -> dict[Split, AnnotationSet]:
    """Split a set by a hash of file names, so that a photograph stays in its split when others are added.

    Items that were left out are counted for train, since their photographs may be unknown.

    Raises
    ------
    InputError
        If one of the splits gets no photograph.
    """
    held_out = {image.id for image in annotations.images if _name_hash(image) < share * 2**64}
    sets: dict[Split, AnnotationSet] = {}
    for split in SPLITS:
        own = _of_images(annotations, {i.id for i in annotations.images if (i.id in held_out) == (split == "val")})
        if not own.images:
            raise InputError(
                f"dataset.val_share is {share:g}, which leaves none of the {len(annotations.images)} photographs for "
                f"{split}; choose a {'larger' if split == 'val' else 'smaller'} share, or name the splits."
            )
        sets[split] = replace(
            own,
            description=f"{annotations.description}, {split} by dataset.val_share",
            counts=annotations.counts if split == "train" else {},
        )
    return sets


def _limited(annotations: AnnotationSet, limit: int) -> AnnotationSet:
    """Keep `limit` photographs, chosen by a hash of file names: a larger limit adds to those of a smaller one."""
    if len(annotations.images) <= limit:
        return annotations
    kept = {image.id for image in sorted(annotations.images, key=_name_hash)[:limit]}
    description = f"{annotations.description}, {limit} photographs by dataset.train_limit"
    return replace(_of_images(annotations, kept), description=description)


def _of_images(annotations: AnnotationSet, image_ids: Collection[int]) -> AnnotationSet:
    """Some of the images, with their instances."""
    return replace(
        annotations,
        images=tuple(image for image in annotations.images if image.id in image_ids),
        instances=tuple(i for i in annotations.instances if i.image_id in image_ids),
    )


def _name_hash(image: Image) -> int:
    """64 bits that depend on the name of a photograph alone."""
    return int.from_bytes(hashlib.sha256(image.file_name.encode()).digest()[:8])


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


def _keypoint_source(settings: DatasetParameters, split: Split) -> Path | None:
    """Path of `dataset.keypoints` or `val_keypoints`; None if it is not set."""
    if settings.keypoints is None:
        return None
    key = "val_keypoints" if split == "val" and settings.val_keypoints is not None else "keypoints"
    return existing_path(settings.folder, getattr(settings, key), f"dataset.{key}")


def _with_keypoints(
    annotations: AnnotationSet, path: Path, settings: DatasetParameters, bad_items: BadItems
) -> AnnotationSet:
    """Attach the keypoints of a COCO file or a folder of XML files."""
    if is_folder(path):
        source = keypoints_voc.read(path, bad_items)
    else:
        source = keypoints_coco.read(path, bad_items, settings.maximum_pixels)
    return keypoints.attach(annotations, source, bad_items)
