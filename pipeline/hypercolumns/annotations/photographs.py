"""Decoding every photograph of a data set once: which can be used, how they are turned, and what they lack."""

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import map_in_threads
from hypercolumns.annotations.images import read_photograph
from hypercolumns.annotations.model import AnnotationSet, Category, Image
from hypercolumns.parameters import DatasetParameters


def check_photographs(annotations: AnnotationSet, settings: DatasetParameters, bad_items: BadItems) -> AnnotationSet:
    """Decode every photograph, so that no later step meets one that is missing, truncated or of another size.

    Returns
    -------
    The annotations with the orientation of each image, without images whose photograph cannot be used.

    Raises
    ------
    InputError
        Listing all photographs that cannot be read or differ in size from their annotations, unless `bad_items` skips
        them.
    """

    def check(image: Image) -> None:
        # Nothing is returned: the photographs together may not fit in memory.
        read_photograph(annotations.image_path(image), image)

    map_in_threads(check, annotations.images, "photographs")
    return annotations


def read_folder(settings: DatasetParameters, categories: tuple[Category, ...], bad_items: BadItems) -> AnnotationSet:
    """Read the photographs in the folder `dataset.val`, without annotations and with the categories of train."""
    raise NotImplementedError
