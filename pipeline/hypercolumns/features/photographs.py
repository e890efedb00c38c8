"""Read and identify the photographs of an annotation set by image id."""

import hashlib
from collections.abc import Iterable

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


def digests(annotations: AnnotationSet, image_ids: Iterable[int]) -> dict[int, bytes]:
    """SHA-256 by image id of what `read` depends on: the file, and how it is turned.

    Raises
    ------
    InputError
        When a file is missing.
    """
    found = {}
    for image_id in image_ids:
        image = annotations.image_by_id[image_id]
        path = annotations.image_path(image)
        try:
            with path.open("rb") as stream:
                total = hashlib.file_digest(stream, "sha256")
        except OSError as error:
            raise InputError(f"The photograph {path} cannot be read: {error.strerror}.") from None
        total.update(f"{image.width} {image.height} {image.orientation}".encode())
        found[image_id] = total.digest()
    return found
