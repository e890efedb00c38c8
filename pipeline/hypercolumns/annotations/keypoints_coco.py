"""Keypoints from a COCO file such as person_keypoints_train2017.json, for the instances of another data set."""

from pathlib import Path, PurePosixPath

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco_file import CocoFile
from hypercolumns.annotations.keypoints import KeypointObject, KeypointSource
from hypercolumns.errors import InputError


def read(path: Path, bad: BadItems) -> KeypointSource:
    """The objects of a COCO file's categories that have keypoints; annotations without any labelled one stay out.

    Raises
    ------
    InputError
        For a file that `CocoFile.open` refuses, that has no category with keypoints, or, unless `bad` items are
        skipped, a mask that does not fit its image.
    """
    source = CocoFile.open(path, bad)
    categories = {category.id: category for category in source.categories.values() if category.keypoints}
    if not categories:
        raise InputError(f"{path} has no category with keypoints; dataset.keypoints needs a file that has.")
    objects = []
    for annotation in source.annotations:
        if annotation.category_id not in categories or annotation.iscrowd or not any(annotation.keypoints[2::3]):
            continue
        with bad.item():
            code = source.mask(annotation)
            objects.append(
                KeypointObject(
                    image=PurePosixPath(source.images[annotation.image_id].file_name).stem,
                    category=categories[annotation.category_id].name,
                    box=masks.box(code),
                    keypoints=tuple(annotation.keypoints),
                    where=f"{path}: annotation {annotation.id}",
                    segmentation=code,
                )
            )
    return KeypointSource(
        path=path,
        names={category.name: category.keypoints for category in categories.values()},
        skeletons={category.name: category.skeleton for category in categories.values()},
        objects=tuple(objects),
    )
