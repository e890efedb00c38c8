"""COCO: one JSON file per image set, with polygons, run-length codes, crowds, keypoints and parts."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco_file import CocoFile, FileImage, unique
from hypercolumns.annotations.files import inside, named, named_folder, read_stems, require_folder
from hypercolumns.annotations.model import AnnotationSet, Image, Instance
from hypercolumns.annotations.selection import from_mask, keep_categories
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from hypercolumns.workspace import Split


def read(settings: DatasetParameters, split: Split) -> AnnotationSet:
    """The annotation file `settings.train` or `settings.val`, restricted to `train_list` or `val_list` if given.

    COCO's ids are kept. Areas and boxes are those of the rasterised masks. Images come in the order of the list, or
    of the file.

    Raises
    ------
    InputError
        For a missing folder or file, JSON that is no COCO, or, unless `settings.skip_bad`, what `CocoFile.open` and
        its methods refuse: duplicate ids, annotations of unknown images or categories, masks of another size than the
        image. File names outside the folder of photographs are always refused.
    """
    root = require_folder(Path(settings.root), "dataset.root")
    key = "images" if split == "train" or settings.val_images is None else "val_images"
    folder = settings.images if key == "images" else str(settings.val_images)
    photographs = named_folder(root, folder, f"dataset.{key}")
    name, listed = (settings.train, settings.train_list) if split == "train" else (settings.val, settings.val_list)
    bad = BadItems(settings.skip_bad)
    source = CocoFile.open(named(root, name, f"dataset.{split}"), bad)
    for image in source.images.values():
        inside(photographs, image.file_name, f"{source.path}, image {image.id},")
    images = list(source.images.values())
    if listed is not None:
        images = _restrict(images, named(root, listed, f"dataset.{split}_list"), source.path, bad)
    categories = keep_categories(settings, list(source.categories.values()))
    instances, counts = _instances(source, {i.id for i in images}, {c.id for c in categories}, settings, bad)
    return AnnotationSet(
        images=tuple(Image(i.id, i.file_name, i.width, i.height) for i in images),
        categories=categories,
        instances=tuple(instances),
        image_root=str(photographs),
        description=f"COCO, {name}" + (f", {listed}" if listed else ""),
        counts=counts | {"bad_items": bad.count},
    )


def _restrict(images: list[FileImage], listed: Path, source: Path, bad: BadItems) -> list[FileImage]:
    """The images whose file names without folder and suffix stand in the list file, in its order."""
    by_stem = {PurePosixPath(image.file_name).stem: image for image in images}
    if len(by_stem) < len(images):
        unique(source, "file stem", (PurePosixPath(image.file_name).stem for image in images))
    chosen = []
    for stem in read_stems(listed):
        with bad.item():
            if stem not in by_stem:
                raise InputError(f"{listed} names {stem!r}, but {source} lists no image of that name.")
            chosen.append(by_stem[stem])
    return chosen


def _instances(
    source: CocoFile, images: set[int], categories: set[int], settings: DatasetParameters, bad: BadItems
) -> tuple[list[Instance], dict[str, int]]:
    counts = {"empty_masks": 0, "other_categories": 0}
    instances = []
    for annotation in source.annotations:
        if annotation.image_id not in images:
            continue
        if annotation.category_id not in categories:
            counts["other_categories"] += 1
            continue
        with bad.item():
            mask = source.mask(annotation)
            made = from_mask(
                settings, annotation.image_id, annotation.category_id, mask, difficult=annotation.difficult
            )
            if made is None:
                counts["empty_masks"] += 1
                continue
            crowd, keypoints = annotation.iscrowd == 1, tuple(annotation.keypoints)
            parts = source.parts(annotation, bad)
            instances.append(replace(made, id=annotation.id, crowd=crowd, keypoints=keypoints, parts=parts))
    return instances, counts
