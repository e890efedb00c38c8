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
    """Images with candidate boxes that the detector is trained on or applied to."""

    name: str
    """Shown in progress bars."""
    annotations: AnnotationSet
    """The images and, for training, their instances."""
    candidates: Callable[[int], ArrayLike]
    """Given the id of an image, returns its candidate boxes (n, 4)."""
    describe: Callable[[Image, Boxes], NDArray[np.float32]]
    """Given an image and any boxes (n, 4), returns their features (n, dimensions)."""

    def boxes(self, image: Image) -> Boxes:
        """Candidate boxes (n, 4) of an image as float64, without those that have no area."""
        boxes = np.asarray(self.candidates(image.id), dtype=np.float64).reshape(-1, 4)
        return boxes[(boxes[:, 2:] > boxes[:, :2]).all(axis=1)]

    def draw(self, number: int, rng: np.random.Generator) -> "CandidateSet":
        """Restrict the set to `number` of its images, drawn at random without replacement."""
        images = self.annotations.images
        chosen = np.sort(rng.choice(len(images), number, replace=False))
        return replace(self, annotations=replace(self.annotations, images=tuple(images[i] for i in chosen)))

    def images(self, activity: str) -> Iterable[Image]:
        """Iterate over the images with a progress bar that names the activity."""
        return tqdm(self.annotations.images, desc=f"{activity} in {self.name}", unit="photo")
