"""The photographs that scikit-image and scikit-learn carry inside their packages, and crops of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import skimage
import sklearn
from numpy.typing import NDArray

from pipeline.annotations.images import read_image

_SKIMAGE = Path(skimage.__file__).parent / "data"
_SKLEARN = Path(sklearn.__file__).parent / "datasets" / "images"

_FILES = {
    "china": _SKLEARN / "china.jpg",
    "flower": _SKLEARN / "flower.jpg",
    **{
        name: _SKIMAGE / f"{name}.png"
        for name in ("coffee", "chelsea", "motorcycle_left", "grass", "gravel", "brick", "coins", "ihc", "moon", "page")
    },
    "rocket": _SKIMAGE / "rocket.jpg",
    "hubble": _SKIMAGE / "hubble_deep_field.jpg",
    "retina": _SKIMAGE / "retina.jpg",
}

SCENERY = ("china", "china", "flower", "coffee", "chelsea", "motorcycle_left", "rocket", "brick", "grass")
"""What may stand behind the figures; none of them shows a person, a horse or a car."""
GROUNDS = ("grass", "gravel", "brick", "grass", "gravel", "coins", "moon")
"""What the figures may stand on."""


@dataclass(frozen=True)
class Photographs:
    """Source photographs by name, (height, width, 3) uint8 RGB."""

    by_name: Mapping[str, NDArray[np.uint8]]

    @classmethod
    def load(cls) -> "Photographs":
        """Read the files of the installed packages; `InputError` when a package lacks one."""
        return cls({name: read_image(path) for name, path in _FILES.items()})

    def crop(
        self,
        rng: np.random.Generator,
        height: int,
        width: int,
        zoom: tuple[float, float],
        names: Sequence[str] = tuple(_FILES),
    ) -> NDArray[np.float32]:
        """A random piece of a random photograph among `names`, at times mirrored, as (height, width, 3) in 0..255.

        `zoom` is the range of output pixels per source pixel; pieces never exceed the photograph.
        """
        photograph = self.by_name[names[int(rng.integers(len(names)))]]
        rows, columns = photograph.shape[:2]
        factor = max(np.exp(rng.uniform(*np.log(zoom))), height / rows, width / columns)
        size_y, size_x = min(rows, max(1, round(height / factor))), min(columns, max(1, round(width / factor)))
        y, x = rng.integers(rows - size_y + 1), rng.integers(columns - size_x + 1)
        piece = photograph[y : y + size_y, x : x + size_x]
        if rng.random() < 0.5:
            piece = piece[:, ::-1]
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        return cv2.resize(np.ascontiguousarray(piece), (width, height), interpolation=how).astype(np.float32)
