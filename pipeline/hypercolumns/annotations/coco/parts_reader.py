"""COCO files whose categories are the parts of one object per image; the object is the union of its parts."""

from dataclasses import replace

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco import reader as coco
from hypercolumns.annotations.model import AnnotationSet, Category, Part
from hypercolumns.annotations.selection import instance_from_mask, keep_categories, unite_parts
from hypercolumns.parameters import DatasetParameters
from hypercolumns.workspace import Split


def read(settings: DatasetParameters, split: Split, bad_items: BadItems) -> AnnotationSet:
    """Read a COCO file as `coco.read` does and join its annotations into one object of `settings.parts_of` per image.

    Annotations of one category in an image, such as two wheels, become one part. Crowds and boxes without masks are
    dropped. Parts follow the order of the file's categories; images and objects have the ids of the images. An
    image without parts has no object.

    Raises
    ------
    InputError
        As `coco.read`, and if `settings.categories` names a category other than `settings.parts_of`.
    """
    annotations = coco.read(settings.model_copy(update={"categories": (), "minimum_area": 0}), split, bad_items)
    category = Category(1, str(settings.parts_of), parts=tuple(c.name for c in annotations.categories))
    names = {c.id: c.name for c in annotations.categories}
    instances = []
    for image_id, annotated in annotations.instances_by_image.items():
        pieces = [
            Part(names[item.category_id], item.segmentation)
            for item in annotated
            if item.segmentation is not None and not item.crowd
        ]
        parts = unite_parts(pieces, category.parts)
        mask = masks.union([part.segmentation for part in parts])
        instance = instance_from_mask(settings, image_id, category.id, mask)
        if instance is not None:
            instances.append(replace(instance, id=image_id, parts=parts))
    return replace(annotations, categories=keep_categories(settings, [category]), instances=tuple(instances))
