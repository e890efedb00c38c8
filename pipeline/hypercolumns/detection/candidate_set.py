"""An image set as the detector sees it: annotations, candidate boxes, and features of any box."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.regions.boxes import Boxes


@dataclass(frozen=True)
class CandidateSet:
    """An image set as the detector sees it.

    Attributes
    ----------
    name
        For progress bars.
    annotations
        The images and, for training, their instances.
    candidates
        (n, 4) boxes of an image, by its id.
    describe
        Features (n, dimensions) of any (n, 4) boxes of an image.
    """

    name: str
    annotations: AnnotationSet
    candidates: Callable[[int], ArrayLike]
    describe: Callable[[Image, Boxes], NDArray[np.float32]]

    def boxes(self, image: Image) -> Boxes:
        """The candidates (n, 4) of an image as float64; those without area are left out."""
        boxes = np.asarray(self.candidates(image.id), dtype=np.float64).reshape(-1, 4)
        return boxes[(boxes[:, 2:] > boxes[:, :2]).all(axis=1)]

    def some(self, number: int, rng: np.random.Generator) -> "CandidateSet":
        """The set with `number` of its images, drawn at random."""
        images = self.annotations.images
        chosen = np.sort(rng.choice(len(images), number, replace=False))
        return replace(self, annotations=replace(self.annotations, images=tuple(images[i] for i in chosen)))

    def each(self, doing: str) -> Iterable[Image]:
        """The images, with a progress bar."""
        return tqdm(self.annotations.images, desc=f"{doing} in {self.name}", unit="photo")
