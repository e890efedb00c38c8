"""Whether a data set can be used at all: something to train on, and two different splits."""

import logging
from collections.abc import Collection
from os.path import normpath
from pathlib import Path

from hypercolumns.annotations.formats import FORMATS
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.errors import InputError, choices
from hypercolumns.parameters import DatasetParameters

logger = logging.getLogger(__name__)

_CURES = {
    "objects_in_relative_coordinates": "multiply the coordinates by the width and height of the photographs",
    "objects_without_mask_or_box": "annotate a segmentation or a bbox",
    "empty_masks": "look whether their coordinates lie inside the photographs",
    "other_categories": "look at the names in dataset.categories",
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
    for annotations in (train, val):
        _warn_of_vanished(annotations)
    _check_trainable(train, settings.categories)
    _check_disjoint(train, val, settings.format)


def likely_cause(annotations: AnnotationSet) -> str:
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
        return f"{difficult} are difficult, which neither train nor count; see dataset.minimum_area"
    return ""


def _warn_of_vanished(annotations: AnnotationSet) -> None:
    cause = likely_cause(annotations)
    if cause:
        logger.warning("%s: most objects cannot be used: %s.", annotations.description, cause)


def _check_trainable(train: AnnotationSet, wanted: Collection[str]) -> None:
    trainable = {i.category_id for i in train.instances if not i.ignore}
    if not trainable:
        cause = likely_cause(train) or "it has no annotated object"
        raise InputError(f"{train.description}: train has no instance to train on: {cause}.")
    missing = [c.name for c in train.categories if c.name in wanted and c.id not in trainable]
    if missing:
        present = choices(c.name for c in train.categories if c.id in trainable)
        raise InputError(
            f"dataset.categories names {missing[0]!r}, but train has no instance of it to train on, neither crowd nor "
            f"difficult; choose among {present}."
        )


def _check_disjoint(train: AnnotationSet, val: AnnotationSet, dataset_format: str) -> None:
    """Refuse splits that share photographs, since metrics would be measured on training data."""
    # Resolving every path would take seconds for 100,000 photographs.
    train_root, val_root = (str(Path(split.image_root).resolve()) for split in (train, val))
    train_paths = {normpath(f"{train_root}/{image.file_name}") for image in train.images}
    shared = [i.file_name for i in val.images if normpath(f"{val_root}/{i.file_name}") in train_paths]
    if shared:
        advice = FORMATS[dataset_format].split_advice if dataset_format in FORMATS else "draw other scenes"
        raise InputError(
            f"{len(shared)} of the {len(val.images)} photographs of val are also in train, such as {shared[0]}, so "
            f"metrics would be measured on training data; {advice}."
        )
