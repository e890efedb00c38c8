"""The photographs of annotated images by image id, wherever their files lie."""

import hashlib
import tempfile
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.annotations.photographs.reading import read_photograph
from hypercolumns.errors import InputError
from hypercolumns.places.bucket import REQUESTS_AT_ONCE
from hypercolumns.places.folder import Folder
from hypercolumns.places.place import Place

PHOTOGRAPHS = "photographs"
"""Folder of copies below the address of an object store."""


@dataclass(frozen=True)
class Photographs:
    """Reads the photographs of some images; can be sent to another process, which then reads them itself."""

    place: Place
    images: Mapping[int, Image]
    """By image id."""
    files: Mapping[int, str]
    """Names in the place, by image id."""

    @classmethod
    def of(cls, annotations: AnnotationSet) -> "Photographs":
        """The photographs of all images of a set, in its folder."""
        root = Folder(Path(annotations.image_root))
        return cls(root, annotations.image_by_id, {image.id: image.file_name for image in annotations.images})

    def only(self, image_ids: Iterable[int]) -> "Photographs":
        """Restrict the photographs to those of some images."""
        ids = set(image_ids)
        return Photographs(self.place, {i: self.images[i] for i in ids}, {i: self.files[i] for i in ids})

    def read(self, image_id: int) -> NDArray[np.uint8]:
        """Read a photograph as a writable array (height, width, 3), RGB.

        Raises
        ------
        InputError
            When the file is missing, unreadable or of another size than the annotations say.
        """
        image, name = self.images[image_id], self.files[image_id]
        if isinstance(self.place, Folder):
            # Copied because torch warns about read-only arrays.
            return np.array(read_photograph(self.place.path / name, image))
        try:
            content = self.place.read(name)
        except FileNotFoundError as error:
            raise InputError(f"The photograph {image.file_name} was deleted: {error}.") from None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / Path(image.file_name).name
            path.write_bytes(content)
            return np.array(read_photograph(path, image))

    def copied_to(self, storage: Place | None, digests: Mapping[int, bytes]) -> "Photographs":
        """Make the photographs ready to be read by other processes.

        Parameters
        ----------
        storage
            Object store of the run. Each file is copied there under its digest, unless it is there already. None if the
            other processes see the same folders: nothing is copied.
        digests
            As `photograph_digests` computes them, by image id.

        Raises
        ------
        PlaceError
            If the object store cannot be reached, or refuses.
        """
        if storage is None:
            return self
        place = storage.below(PHOTOGRAPHS)
        names = {image_id: digests[image_id].hex() for image_id in self.images}
        present = place.sizes()

        def copy(image_id: int) -> None:
            place.write(names[image_id], self.place.read(self.files[image_id]))

        missing = {name: image_id for image_id, name in names.items() if name not in present}
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            list(pool.map(copy, missing.values()))
        return Photographs(place, self.images, names)


def photograph_digests(annotations: AnnotationSet, image_ids: Collection[int] | None = None) -> dict[int, bytes]:
    """SHA-256 of what `Photographs.read` depends on, the file and how it is turned, of some or all images by id.

    Raises
    ------
    InputError
        When a file is missing.
    """
    found = {}
    for image_id in annotations.image_by_id if image_ids is None else image_ids:
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
