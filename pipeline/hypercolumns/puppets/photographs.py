"""The photographs that scikit-image and scikit-learn carry inside their packages, and crops of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.images import read_image
from hypercolumns.errors import InputError

_FILES = {
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
    "skimage": (
        "data/coffee.png",
        "data/chelsea.png",
        "data/motorcycle_left.png",
        "data/grass.png",
        "data/gravel.png",
        "data/brick.png",
        "data/coins.png",
        "data/ihc.png",
        "data/moon.png",
        "data/page.png",
        "data/rocket.jpg",
        "data/hubble_deep_field.jpg",
        "data/retina.jpg",
    ),
}

SCENERY = ("china", "china", "flower", "coffee", "chelsea", "motorcycle_left", "rocket", "brick", "grass")
"""What may stand behind the figures; none of them shows a person, a horse or a car."""
GROUNDS = ("grass", "gravel", "brick", "grass", "gravel", "coins", "moon")
"""What the figures may stand on."""


@dataclass(frozen=True)
class SourcePhotographs:
    """Source photographs by name, (height, width, 3) uint8 RGB."""

    by_name: Mapping[str, NDArray[np.uint8]]

    @classmethod
    def load(cls) -> "SourcePhotographs":
        """Read the files of the installed packages; `InputError` when one is missing."""
        paths = [_package(package) / file for package, files in _FILES.items() for file in files]
        return cls({path.stem: read_image(path) for path in paths})

    def crop(
        self,
        rng: np.random.Generator,
        height: int,
        width: int,
        zoom: tuple[float, float],
        names: Sequence[str] = (),
    ) -> NDArray[np.float32]:
        """A random piece of a random photograph among `names` (of any, without), as (height, width, 3) in 0..255.

        `zoom` is the range of output pixels per source pixel; pieces never exceed the photograph and are
        mirrored at times.
        """
        among = names or tuple(self.by_name)
        photograph = self.by_name[among[int(rng.integers(len(among)))]]
        rows, columns = photograph.shape[:2]
        factor = max(np.exp(rng.uniform(*np.log(zoom))), height / rows, width / columns)
        size_y, size_x = min(rows, max(1, round(height / factor))), min(columns, max(1, round(width / factor)))
        y, x = rng.integers(rows - size_y + 1), rng.integers(columns - size_x + 1)
        piece = photograph[y : y + size_y, x : x + size_x]
        if rng.random() < 0.5:
            piece = piece[:, ::-1]
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        return cv2.resize(np.ascontiguousarray(piece), (width, height), interpolation=how).astype(np.float32)


def _package(name: str) -> Path:
    """The folder of an installed package, found without the seconds that importing it takes."""
    found = find_spec(name)
    if found is None or found.origin is None:
        raise InputError(f"The package {name}, whose photographs the puppets need, is not installed.")
    return Path(found.origin).parent
