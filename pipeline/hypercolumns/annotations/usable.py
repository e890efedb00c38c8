"""Whether a data set can be used at all: something to train on, and two different splits."""

import logging
from os.path import normpath
from pathlib import Path

from hypercolumns.annotations.formats import FORMATS
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.errors import InputError, choices, counted
from hypercolumns.parameters import DatasetParameters

logger = logging.getLogger(__name__)

_CURES = {
    "objects_in_relative_coordinates": "multiply the coordinates by the width and height of the photographs",
    "objects_without_mask_or_box": "annotate a segmentation or a bbox",
    "empty_masks": "look whether their coordinates lie inside the photographs",
}
"""How to mend the data set where most of its objects are left out, by reason."""


def check_usable(train: AnnotationSet, val: AnnotationSet, settings: DatasetParameters) -> None:
    """Refuse a data set that a later step could not use.

    Raises
    ------
    InputError
        If train has no instance to train on, as a whole or for a category in `dataset.categories`, or if both splits
        share photographs.
    """
    _check_trainable(train, settings)
    _check_disjoint(train, val, settings)
    for annotations in (train, val):
        cause = _likely_cause(annotations, settings)
        if cause:
            logger.warning("%s: most objects cannot be used: %s.", annotations.description, cause)


def _likely_cause(annotations: AnnotationSet, settings: DatasetParameters) -> str:
    """Say why most objects of a set cannot be used, with the cure; empty if most can."""
    usable = sum(not instance.ignore for instance in annotations.instances)
    causes = {reason: annotations.counts.get(reason, 0) for reason in _CURES}
    reason = max(causes, key=lambda key: causes[key])
    crowd = sum(instance.crowd for instance in annotations.instances)
    difficult = sum(instance.difficult for instance in annotations.instances)
    if causes[reason] > max(usable, crowd, difficult):
        return f"{causes[reason]} {reason.replace('_', ' ')} are left out; {_CURES[reason]}"
    if crowd > max(usable, difficult):
        advice = "; CVAT marks every brush mask so: set iscrowd to 0 for single objects"
        is_of_cvat = "brush_masks_marked_as_crowds" in annotations.counts
        return f"{crowd} are crowds (iscrowd), which neither train nor count" + (advice if is_of_cvat else "")
    if difficult > usable:
        largest = max(instance.area for instance in annotations.instances)
        limit = settings.minimum_area
        reason = f" (dataset.minimum_area is {limit}; the largest has {largest:g} pixels)" if limit else ""
        return f"{difficult} are difficult{reason}, and these neither train nor count"
    return ""


def _check_trainable(train: AnnotationSet, settings: DatasetParameters) -> None:
    trainable = {i.category_id for i in train.instances if not i.ignore}
    if not trainable:
        others = train.counts.get("other_categories", 0)
        cause = _likely_cause(train, settings) or "it has no annotated object"
        if others and not train.instances:
            cause = f"its {counted(others, 'object')} are of categories that dataset.categories does not name"
        raise InputError(f"{train.description}: there is no instance to train on: {cause}.")
    missing = [c.name for c in train.categories if c.name in settings.categories and c.id not in trainable]
    if missing:
        present = choices(c.name for c in train.categories if c.id in trainable)
        raise InputError(
            f"dataset.categories names {missing[0]!r}, but train has no instance of it to train on, neither crowd nor "
            f"difficult; choose among {present}."
        )


def _check_disjoint(train: AnnotationSet, val: AnnotationSet, settings: DatasetParameters) -> None:
    """Refuse splits that share photographs, since metrics would be measured on training data."""
    # Resolving every path would take seconds for 100,000 photographs.
    train_root, val_root = (str(Path(split.image_root).resolve()) for split in (train, val))
    train_paths = {normpath(f"{train_root}/{image.file_name}") for image in train.images}
    shared = [i.file_name for i in val.images if normpath(f"{val_root}/{i.file_name}") in train_paths]
    if shared:
        if (settings.folder / settings.val).is_dir():
            advice = f"keep other photographs in the folder {settings.val} (dataset.val)"
        else:
            advice = FORMATS[settings.format].split_advice if settings.format in FORMATS else "draw other scenes"
        raise InputError(
            f"{len(shared)} of the {len(val.images)} photographs of val are also in train, such as {shared[0]}, so "
            f"metrics would be measured on training data; {advice}."
        )
