"""Keypoints from a COCO file such as person_keypoints_train2017.json, for the instances of another data set."""

from pathlib import Path, PurePosixPath

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco.file import CocoFile
from hypercolumns.annotations.keypoints.attaching import KeypointObject, KeypointSource
from hypercolumns.errors import InputError


def read(path: Path, bad_items: BadItems, maximum_pixels: int) -> KeypointSource:
    """Read the annotations with at least one labelled keypoint from a COCO file; crowds are left out.

    Raises
    ------
    InputError
        As `CocoFile.open` and `CocoFile.objects`; if no category has keypoints.
    """
    file = CocoFile.open(path, bad_items, maximum_pixels)
    categories = {category.name: category for category in file.categories.values() if category.keypoints}
    if not categories:
        raise InputError(f"{path} has no category with keypoints; dataset.keypoints needs a file that has one.")
    image_ids = {image.id for image in file.images.values()}
    category_ids = {category.id for category in categories.values()}
    objects = tuple(
        KeypointObject(
            image=PurePosixPath(found.image.file_name).stem,
            category=found.category.name,
            box=found.box,
            keypoints=found.keypoints,
            where=f"{path}: annotation {found.id}",
            segmentation=found.segmentation,
        )
        for found in file.objects(bad_items, image_ids, category_ids)
        if found.keypoints and not found.crowd
    )
    return KeypointSource(path, categories, objects)
