"""Read photographs by image id, and keep a few decoded ones for neighbouring regions."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.images import read_photograph
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.errors import InputError

MAX_DECODED = 8
"""Decoded photographs kept in memory. Regions are sorted by category, then image, so consecutive rows share one."""


class Photographs:
    """Reads the photographs of an annotation set; not thread-safe."""

    def __init__(self, annotations: AnnotationSet) -> None:
        self.annotations = annotations
        self._decoded: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()

    def read(self, image_id: int) -> NDArray[np.uint8]:
        """Read a photograph as (height, width, 3) RGB.

        Raises
        ------
        InputError
            When the file is missing, unreadable or of another size than the annotations say.
        """
        if image_id in self._decoded:
            self._decoded.move_to_end(image_id)
            return self._decoded[image_id]
        image = self.annotations.image_by_id[image_id]
        # Copied because torch warns about read-only arrays.
        photo = np.array(read_photograph(self.annotations.image_path(image), image))
        self._decoded[image_id] = photo
        if len(self._decoded) > MAX_DECODED:
            self._decoded.popitem(last=False)
        return photo

    def digest(self, image_ids: Sequence[int]) -> str:
        """SHA-256 of the files of these images, in the order of their ids.

        Raises
        ------
        InputError
            When a file is missing.
        """
        digest = hashlib.sha256()
        for image_id in sorted(image_ids):
            path = self.annotations.image_path(self.annotations.image_by_id[image_id])
            try:
                with path.open("rb") as stream:
                    digest.update(f"{image_id} {hashlib.file_digest(stream, 'sha256').hexdigest()}\0".encode())
            except OSError as error:
                raise InputError(f"The photograph {path} cannot be read: {error.strerror}.") from None
        return digest.hexdigest()
