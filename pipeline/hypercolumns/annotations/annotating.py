"""Annotating the images of a list, several at a time, and joining them into one annotation set."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.lists import ListedName
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.errors import InputError


@dataclass(frozen=True)
class AnnotatedImage:
    """An image and its instances, whose ids are not set yet."""

    image: Image
    instances: Sequence[Instance]
    counts: Mapping[str, int]
    """Number of annotations left out, by reason."""


def annotate_images(
    listed: Sequence[ListedName],
    annotate: Callable[[int, ListedName], AnnotatedImage],
    categories: tuple[Category, ...],
    image_root: str,
    description: str,
    bad_items: BadItems,
) -> AnnotationSet:
    """Annotate the images of a list in threads; images and instances are numbered 1, 2, ... in list order.

    The images get the origin of their names.

    Parameters
    ----------
    listed
        The images.
    annotate
        Annotates an image, given its number and name; raises an `InputError` if its annotation is malformed.
    categories
        The categories of the annotation set.
    image_root
        The folder of photographs.
    description
        What is read, for the annotation set and the progress bar.
    bad_items
        Collector for the errors of `annotate`.

    Returns
    -------
    The annotations of all images that are not malformed, with the sums of their counts.

    Raises
    ------
    InputError
        The first error of `annotate`, unless `bad_items` skips it.
    """

    def annotate_numbered(numbered: tuple[int, ListedName]) -> AnnotatedImage:
        image_id, name = numbered
        try:
            annotated = annotate(image_id, name)
        except InputError as error:
            raise InputError(f"{error} The photograph comes from {name.origin}.") from None
        return replace(annotated, image=replace(annotated.image, origin=name.origin))

    annotated = bad_items.map_in_threads(
        annotate_numbered, list(enumerate(listed, start=1)), f"annotations of {description}", "malformed_images"
    )
    instances = [instance for item in annotated for instance in item.instances]
    counts: Counter[str] = Counter()
    for item in annotated:
        counts.update(item.counts)
    return AnnotationSet(
        images=tuple(item.image for item in annotated),
        categories=categories,
        instances=tuple(replace(instance, id=number) for number, instance in enumerate(instances, start=1)),
        image_root=image_root,
        description=description,
        counts=counts,
    )
