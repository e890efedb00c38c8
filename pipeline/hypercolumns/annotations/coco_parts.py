"""COCO files whose categories are the parts of one object per image: the object is the union of its parts."""

from dataclasses import replace

from hypercolumns.annotations import coco, masks
from hypercolumns.annotations.model import AnnotationSet, Category, Instance, Part
from hypercolumns.annotations.selection import from_mask, keep_categories
from hypercolumns.parameters import DatasetParameters
from hypercolumns.workspace import Split


def read(settings: DatasetParameters, split: Split) -> AnnotationSet:
    """The file that `coco.read` reads, its annotations gathered into one object of `settings.parts_of` per image.

    Annotations of a category in one image, such as two wheels, are one part. Crowds are no part. The parts come in
    the order of the file's categories; images and objects have the ids of the images. Images without any part have no
    object.

    Raises
    ------
    InputError
        As `coco.read`, and when `settings.categories` names another category than `settings.parts_of`.
    """
    pieces = coco.read(settings.model_copy(update={"categories": (), "minimum_area": 0}), split)
    whole = Category(1, str(settings.parts_of), parts=tuple(category.name for category in pieces.categories))
    objects = []
    for image_id, own in pieces.instances_by_image.items():
        parts = _parts([piece for piece in own if not piece.crowd], pieces.categories)
        if not parts:
            continue
        made = from_mask(settings, image_id, whole.id, masks.union([part.segmentation for part in parts]))
        if made is not None:
            objects.append(replace(made, id=image_id, parts=parts))
    return replace(pieces, categories=keep_categories(settings, [whole]), instances=tuple(objects))


def _parts(pieces: list[Instance], categories: tuple[Category, ...]) -> tuple[Part, ...]:
    """The union of the pieces of each category that occurs."""
    groups = {c.name: [piece.segmentation for piece in pieces if piece.category_id == c.id] for c in categories}
    return tuple(Part(name, masks.union(codes)) for name, codes in groups.items() if codes)
