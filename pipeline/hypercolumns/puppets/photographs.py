"""Photographs shipped with scikit-image and scikit-learn, and random crops of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.photographs.reading import read_image
from hypercolumns.errors import InputError

_FILES = (
    ("sklearn", "datasets/images", ("china.jpg", "flower.jpg")),
    ("skimage", "data", (
        "coffee.png", "chelsea.png", "motorcycle_left.png", "grass.png", "gravel.png", "brick.png", "coins.png",
        "ihc.png", "moon.png", "page.png", "rocket.jpg", "hubble_deep_field.jpg", "retina.jpg",
    )),
)  # fmt: skip
"""Photographs by package and folder; their order decides which one a random number picks."""

SCENERY = ("china", "china", "flower", "coffee", "chelsea", "motorcycle_left", "rocket", "brick", "grass")
"""Photographs for backgrounds; none shows a person, a horse or a car. A repeated name is drawn more often."""
GROUNDS = ("grass", "gravel", "brick", "grass", "gravel", "coins", "moon")
"""Photographs for the ground; a repeated name is drawn more often."""


@dataclass(frozen=True)
class SourcePhotographs:
    """Source photographs by name, (height, width, 3) uint8 RGB."""

    by_name: Mapping[str, NDArray[np.uint8]]

    @classmethod
    def load(cls) -> "SourcePhotographs":
        """Read the photographs from the installed packages.

        Raises
        ------
        InputError
            When a package or file is missing.
        """
        paths = [_package_folder(package) / folder / name for package, folder, names in _FILES for name in names]
        return cls({path.stem: read_image(path) for path in paths})

    def crop(
        self, rng: np.random.Generator, height: int, width: int, zoom: tuple[float, float], names: Sequence[str] = ()
    ) -> NDArray[np.float32]:
        """Cut a random piece out of a random photograph: (height, width, 3) RGB in 0 .. 255.

        Half of the pieces are mirrored.

        Parameters
        ----------
        rng
            Source of randomness.
        height, width
            Size of the piece in output pixels.
        zoom
            Smallest and largest number of output pixels per source pixel; raised where the photograph is too small.
        names
            Photographs to choose from; empty means all.
        """
        names = names or tuple(self.by_name)
        photograph = self.by_name[names[int(rng.integers(len(names)))]]
        rows, columns = photograph.shape[:2]
        factor = max(np.exp(rng.uniform(*np.log(zoom))), height / rows, width / columns)
        size_y, size_x = min(rows, max(1, round(height / factor))), min(columns, max(1, round(width / factor)))
        y, x = rng.integers(rows - size_y + 1), rng.integers(columns - size_x + 1)
        piece = photograph[y : y + size_y, x : x + size_x]
        piece = piece[:, ::-1] if rng.random() < 0.5 else piece
        interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        return cv2.resize(np.ascontiguousarray(piece), (width, height), interpolation=interpolation).astype(np.float32)


def _package_folder(name: str) -> Path:
    """Find the folder of an installed package without importing it, which takes seconds."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise InputError(f"The package {name}, which ships photographs that the puppets need, is not installed.")
    return Path(spec.origin).parent
