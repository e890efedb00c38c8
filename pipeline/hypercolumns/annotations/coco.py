"""COCO data sets: one JSON file per split, with polygons, run-length codes, crowds, keypoints and parts."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

from hypercolumns.annotations import files
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco_file import CocoFile
from hypercolumns.annotations.lists import read_list
from hypercolumns.annotations.model import AnnotationSet, Image, Instance
from hypercolumns.annotations.selection import instance_from_mask, keep_categories
from hypercolumns.parameters import DatasetParameters
from hypercolumns.workspace import Split


def read(settings: DatasetParameters, split: Split, bad_items: BadItems) -> AnnotationSet:
    """Read the annotation file `settings.train` or `settings.val`.

    A list file in `settings.train_list` or `settings.val_list` selects images and sets their order; without one,
    all images are read in the order of the annotation file. COCO's ids are kept. Areas and boxes are computed from
    the rasterised masks.

    Raises
    ------
    InputError
        If a folder or file is missing, the JSON is not COCO, or a file name leads out of the folder of photographs.
        Unless `settings.skip_bad` is set, also for everything that `CocoFile.open` and its methods refuse, such as
        duplicate ids, annotations of unknown images or categories, and masks that do not fit their image.
    """
    root = files.require_folder(settings.folder, "dataset.root")
    key = "val_images" if split == "val" and settings.val_images is not None else "images"
    photographs = files.existing_folder(root, getattr(settings, key), f"dataset.{key}")
    name, list_name = (settings.train, settings.train_list) if split == "train" else (settings.val, settings.val_list)
    file = CocoFile.open(files.existing_path(root, name, f"dataset.{split}"), bad_items)
    for image in file.images.values():
        files.path_inside(photographs, image.file_name, f"{file.path}, image {image.id},")
    images = list(file.images.values())
    if list_name is not None:
        list_path = files.existing_path(root, list_name, f"dataset.{split}_list")
        images = _listed_images(images, list_path, file.path, bad_items)
    categories = keep_categories(settings, list(file.categories.values()))
    instances, counts = _instances(file, {i.id for i in images}, {c.id for c in categories}, settings, bad_items)
    return AnnotationSet(
        images=tuple(images),
        categories=categories,
        instances=tuple(instances),
        image_root=str(photographs),
        description=f"COCO, {name}" + (f", {list_name}" if list_name else ""),
        counts=counts,
    )


def _listed_images(images: list[Image], list_path: Path, coco_path: Path, bad_items: BadItems) -> list[Image]:
    """Select the images whose file stems are in the list file, in its order."""
    stems = [PurePosixPath(image.file_name).stem for image in images]
    files.require_unique(f"{coco_path} has the file stem", stems)
    by_stem = dict(zip(stems, images, strict=True))
    return [by_stem[name.stem] for name in read_list(list_path, by_stem, f"{coco_path} has no image", bad_items)]


def _instances(
    file: CocoFile, image_ids: set[int], category_ids: set[int], settings: DatasetParameters, bad_items: BadItems
) -> tuple[list[Instance], dict[str, int]]:
    """Instances of the given images and categories, and counts of the annotations left out."""
    counts = {"empty_masks": 0, "other_categories": 0}
    instances = []
    for annotation in file.annotations:
        if annotation.image_id not in image_ids:
            continue
        if annotation.category_id not in category_ids:
            counts["other_categories"] += 1
            continue
        with bad_items.catch("malformed_annotations"):
            mask = file.mask(annotation)
            instance = instance_from_mask(
                settings, annotation.image_id, annotation.category_id, mask, difficult=annotation.difficult
            )
            if instance is None:
                counts["empty_masks"] += 1
                continue
            crowd, keypoints = annotation.iscrowd == 1, tuple(annotation.keypoints)
            parts = file.parts(annotation, bad_items)
            instances.append(replace(instance, id=annotation.id, crowd=crowd, keypoints=keypoints, parts=parts))
    return instances, counts
