"""An image set as the detector sees it: annotations, candidate boxes, and features of any box."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.regions.boxes import Boxes

Describe = Callable[[Boxes], NDArray[np.float32]]
"""Given any boxes (n, 4) in an image, returns their features (n, dimensions)."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class RegionFeatures(Protocol):
    """Computes features of regions, for several images side by side."""

    def map(
        self, function: Callable[[Describe, Item], Result], items: Iterable[tuple[Image, Item]]
    ) -> Iterator[Result]:
        """Yield `function(describe, item)` for every image and item, in order; `describe` is for boxes in the image.

        Items are taken in the calling thread, a few ahead; `function` may run in another one.
        """


@dataclass(frozen=True)
class CandidateSet:
    """Images with candidate boxes that the detector is trained on or applied to."""

    name: str
    """Shown in progress bars."""
    annotations: AnnotationSet
    """The images and, for training, their instances."""
    candidates: Callable[[int], ArrayLike]
    """Given the id of an image, returns its candidate boxes (n, 4)."""
    features: RegionFeatures

    def boxes(self, image: Image) -> Boxes:
        """Candidate boxes (n, 4) of an image as float64, without those that have no area."""
        return with_area(self.candidates(image.id))

    def draw(self, number: int, rng: np.random.Generator) -> "CandidateSet":
        """Restrict the set to `number` of its images, drawn at random without replacement."""
        images = self.annotations.images
        return self.only({images[i].id for i in rng.choice(len(images), number, replace=False)})

    def only(self, image_ids: Collection[int]) -> "CandidateSet":
        """Restrict the set to the images with these ids."""
        images = tuple(image for image in self.annotations.images if image.id in image_ids)
        return replace(self, annotations=replace(self.annotations, images=images))

    def map(
        self, activity: str, function: Callable[[Describe, Item], Result], prepare: Callable[[Image], Item]
    ) -> Iterator[Result]:
        """Yield `function(describe, prepare(image))` for every image, in order, with a progress bar.

        Parameters
        ----------
        activity
            What the progress bar says.
        function
            Called in several threads, with the function that describes boxes of the image.
        prepare
            Called image by image, in order, in the calling thread, some images ahead.
        """
        images = self.annotations.images
        results = self.features.map(function, ((image, prepare(image)) for image in images))
        yield from tqdm(results, desc=f"{activity} in {self.name}", total=len(images), unit="photo")


def with_area(candidates: ArrayLike) -> Boxes:
    """Boxes (n, 4) as float64, without those that have no area."""
    boxes = np.asarray(candidates, dtype=np.float64).reshape(-1, 4)
    return boxes[(boxes[:, 2:] > boxes[:, :2]).all(axis=1)]
