"""Read and identify the photographs of an annotation set by image id."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.photographs.reading import read_photograph
from hypercolumns.errors import InputError


def read(annotations: AnnotationSet, image_id: int) -> NDArray[np.uint8]:
    """Read a photograph as a writable array (height, width, 3), RGB.

    Raises
    ------
    InputError
        When the file is missing, unreadable or of another size than the annotations say.
    """
    image = annotations.image_by_id[image_id]
    # Copied because torch warns about read-only arrays.
    return np.array(read_photograph(annotations.image_path(image), image))


def digest(annotations: AnnotationSet, image_ids: Sequence[int]) -> str:
    """SHA-256 of the files of these images, in the order of their ids.

    Raises
    ------
    InputError
        When a file is missing.
    """
    total = hashlib.sha256()
    for image_id in sorted(image_ids):
        path = annotations.image_path(annotations.image_by_id[image_id])
        try:
            with path.open("rb") as stream:
                total.update(f"{image_id} {hashlib.file_digest(stream, 'sha256').hexdigest()}\0".encode())
        except OSError as error:
            raise InputError(f"The photograph {path} cannot be read: {error.strerror}.") from None
    return total.hexdigest()
