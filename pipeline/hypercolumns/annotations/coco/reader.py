"""COCO data sets: one JSON file per split, with polygons, run-length codes, boxes, crowds, keypoints and parts."""

from dataclasses import replace
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from hypercolumns.annotations import files
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco.file import CocoFile, CocoObject
from hypercolumns.annotations.lists import read_list
from hypercolumns.annotations.model import AnnotationSet, Image, Instance
from hypercolumns.annotations.photographs.file import shown_size
from hypercolumns.annotations.photographs.file_names import PhotographFolder
from hypercolumns.annotations.selection import keep_categories, wanted_categories
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from hypercolumns.workspace import Split


def read(settings: DatasetParameters, split: Split, bad_items: BadItems) -> AnnotationSet:
    """Read the annotation file `settings.train` or `settings.val`.

    A list file in `settings.train_list` or `settings.val_list` selects images and sets their order; without one,
    all images are read in the order of the annotation file. Ids are kept if they are integers. Areas and boxes are
    computed from the rasterised masks; an annotation without mask has its `bbox`.

    Raises
    ------
    InputError
        If a folder or file is missing, the JSON is not COCO, or a file name leads out of the folder of photographs.
        Unless `bad_items` skips it, also for everything that `CocoFile.open` and `CocoFile.objects` refuse, such as
        duplicate ids, annotations of unknown images or categories, and masks that do not fit their image.
    """
    root = files.require_folder(settings.folder, "dataset.root")
    key = "val_images" if split == "val" and settings.val_images is not None else "images"
    photographs = files.existing_folder(root, getattr(settings, key), f"dataset.{key}")
    name, list_name = (settings.train, settings.train_list) if split == "train" else (settings.val, settings.val_list)
    cure = ", or set dataset.val_share to hold photographs of train out" if split == "val" else ""
    path = files.existing_path(root, name, f"dataset.{split}", f"name an annotation file below dataset.root{cure}")

    folder = PhotographFolder(photographs)

    def complete(image: Image) -> Image:
        file_name = folder.find(image.file_name, f"{path}, {image.origin},")
        if image.width and image.height:
            return replace(image, file_name=file_name)
        try:
            width, height = shown_size(photographs / file_name, settings.orientation)
        except InputError as error:
            raise InputError(f"{error} It is named by {image.origin}, which has no width and height.") from None
        return replace(image, file_name=file_name, width=width, height=height)

    file = CocoFile.open(path, bad_items, settings.maximum_pixels, complete)
    images = list(file.images.values())
    if list_name is not None:
        list_path = files.existing_path(root, list_name, f"dataset.{split}_list")
        images = _listed_images(images, list_path, path, bad_items)
    # Val may lack categories that train has, above all where its photographs have no annotations.
    keep = keep_categories if split == "train" else wanted_categories
    categories = keep(settings, list(file.categories.values()))
    image_ids, category_ids = {i.id for i in images}, {c.id for c in categories}
    objects = file.objects(bad_items, image_ids, category_ids)
    return AnnotationSet(
        images=tuple(images),
        categories=categories,
        instances=tuple(_instance(found, settings.minimum_area) for found in objects),
        image_root=str(photographs),
        description=f"COCO, {name}" + (f", {list_name}" if list_name else ""),
    )


def _instance(found: CocoObject, minimum_area: int) -> Instance:
    return Instance(
        id=found.id,
        image_id=found.image.id,
        category_id=found.category.id,
        segmentation=found.segmentation,
        box=found.box,
        area=found.area,
        crowd=found.crowd,
        difficult=found.difficult or found.area < minimum_area,
        keypoints=found.keypoints,
        parts=found.parts,
    )


def _listed_images(images: list[Image], list_path: Path, coco_path: Path, bad_items: BadItems) -> list[Image]:
    """Select the images whose file stems are in the list file, in its order."""
    stems = [normalize("NFC", PurePosixPath(image.file_name).stem) for image in images]
    files.require_unique(f"{coco_path} has the file stem", stems)
    by_stem = dict(zip(stems, images, strict=True))
    return [by_stem[name.stem] for name in read_list(list_path, by_stem, f"{coco_path} has no image", bad_items)]
