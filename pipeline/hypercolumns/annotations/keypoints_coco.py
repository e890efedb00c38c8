"""Keypoints from a COCO file such as person_keypoints_train2017.json, for the instances of another data set."""

from pathlib import Path, PurePosixPath

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco_file import CocoFile
from hypercolumns.annotations.keypoints import KeypointObject, KeypointSource
from hypercolumns.errors import InputError


def read(path: Path, bad_items: BadItems) -> KeypointSource:
    """Read the annotations with at least one labelled keypoint from a COCO file; crowds are left out.

    Raises
    ------
    InputError
        As `CocoFile.open`; if no category has keypoints; or, unless `bad_items` skips it, if a mask does not fit
        its image.
    """
    file = CocoFile.open(path, bad_items)
    categories = {category.name: category for category in file.categories.values() if category.keypoints}
    if not categories:
        raise InputError(f"{path} has no category with keypoints; dataset.keypoints needs a file that has one.")
    objects = []
    for annotation in file.annotations:
        if annotation.iscrowd or not any(annotation.keypoints[2::3]):
            continue
        with bad_items.catch("malformed_keypoints", needed_by="keypoints"):
            mask = file.mask(annotation)
            objects.append(
                KeypointObject(
                    image=PurePosixPath(file.images[annotation.image_id].file_name).stem,
                    category=file.categories[annotation.category_id].name,
                    box=masks.box(mask),
                    keypoints=tuple(annotation.keypoints),
                    where=f"{path}: annotation {annotation.id}",
                    segmentation=mask,
                )
            )
    return KeypointSource(path, categories, tuple(objects))
