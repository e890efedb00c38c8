"""Trains a detector on the photographs of one split and applies it to those of another."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.photographs.of_images import Photographs, photograph_digests
from hypercolumns.annotations.results import Result
from hypercolumns.backbones import Backbone
from hypercolumns.backbones.blueprint import Blueprint
from hypercolumns.backbones.engines import prepare
from hypercolumns.detection.candidate_set import CandidateSet, RegionFeatures
from hypercolumns.detection.crops import Crops
from hypercolumns.detection.detector import Detector
from hypercolumns.detection.examples import LabelledBoxes, trained_categories
from hypercolumns.detection.features import KeptMaps, PhotographFeatures, maps_key
from hypercolumns.detection.remote import RemoteFeatures
from hypercolumns.detection.rescoring import (
    CropFeaturesOf,
    Shortlist,
    choose_examples,
    choose_shortlists,
    detect_again,
    fit_rescorer,
)
from hypercolumns.detection.training import train_detector
from hypercolumns.errors import InputError
from hypercolumns.features.streams import Streams
from hypercolumns.parameters import DetectionParameters, RescoringParameters
from hypercolumns.places.place import Place, place_at
from hypercolumns.scratch.cache import ContentCache
from hypercolumns.scratch.shared import shared_scratch
from hypercolumns.scratch.work import locked
from hypercolumns.workspace import Split

if TYPE_CHECKING:
    from distributed import Client

MAPS = "detection-maps"
"""Folder below `.scratch`."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DetectionInput:
    """The photographs of a split, their candidates, and the network that both training and detecting need.

    No byte of a result depends on the number of cores: photographs, and slices of fixed size of the training examples,
    are computed side by side, each on one core.
    """

    split: Split
    annotations: AnnotationSet
    candidates: Callable[[int], ArrayLike]
    """Given the id of an image, returns its candidate boxes (n, 4)."""
    backbone: Backbone
    """All of its layers must be maps."""
    settings: DetectionParameters
    device: torch.device
    """Device of the network."""
    scratch: Path
    """Folder that keeps the maps of the photographs, about half a megabyte each: the next call computes only what is
    new, and so does one that continues an interrupted call."""
    client: "Client | None" = None
    """Client of the Dask cluster whose workers compute; None to compute in this process."""
    storage: Place | None = None
    """Object store through which workers get photographs and share their maps; None if they see the same folders."""

    @contextmanager
    def opened(self) -> Iterator[CandidateSet]:
        """Yield the set of images that a detector is trained on or applied to; holds the scratch folder."""
        require_maps(self.backbone)
        with locked(self.scratch), threadpool_limits(1, "blas"), self._features() as features:
            yield CandidateSet(self.split, self.annotations, self.candidates, features)
            self._maps.cache.keep_only(set(self._maps.contents.values()))

    @contextmanager
    def _features(self) -> Iterator[RegionFeatures]:
        if self.client is not None:
            yield RemoteFeatures(self.client, self._maps, Blueprint.of(self.backbone))
            return
        network = prepare(self.backbone, self.device, "photographs", self.scratch)
        with Streams(network, self.device) as streams:
            yield PhotographFeatures(self._maps, streams)

    @cached_property
    def _maps(self) -> KeptMaps:
        """The kept maps of all photographs, which are hashed once, though both steps of detection open the set."""
        digests = photograph_digests(self.annotations)
        photographs, scratch = Photographs.of(self.annotations), place_at(self.scratch)
        if self.client is not None:
            photographs = photographs.copied_to(self.storage, digests)
            scratch = shared_scratch(self.storage, self.scratch)
        key = maps_key(self.backbone, self.settings.short_side, self.device)
        cache = ContentCache(scratch.below(f"{MAPS}/{self.split}"), key)
        contents = {image_id: content.hex() for image_id, content in digests.items()}
        return KeptMaps(photographs, self.settings, self.device, cache, contents)


def train(given: DetectionInput, seed: int) -> Detector:
    """Train a detector.

    Parameters
    ----------
    given
        Photographs with instances.
    seed
        Seed of the draw of training examples.

    Raises
    ------
    InputError
        When a layer is not a map, no category has a training instance, or a photograph cannot be read.
    """
    categories = trained_categories(given.annotations)
    with given.opened() as candidate_set:
        return train_detector(candidate_set, categories, given.settings, np.random.default_rng(seed))


def detect(given: DetectionInput, detector: Detector) -> list[Result]:
    """Detect objects in photographs.

    Returns
    -------
    Detections as COCO results, for each image at most `settings.max_per_image`, best first.

    Raises
    ------
    InputError
        When a layer is not a map, or a photograph cannot be read.
    """
    _warn_of_untrained(given.annotations, detector.categories)
    with given.opened() as candidate_set:
        return detector.detect_in_all(candidate_set, given.settings)


@dataclass(frozen=True)
class Rescoring:
    """The second step of detection, in which boxes of a first one pass the network alone."""

    crops: Crops
    settings: RescoringParameters

    def train(self, given: DetectionInput, detector: Detector, seed: int) -> Detector:
        """Train the second step on the boxes that the first one finds.

        Parameters
        ----------
        given
            Photographs with instances.
        detector
            The trained first step.
        seed
            Seed of the draw of training examples.

        Raises
        ------
        InputError
            As `train`.
        """
        with locked(given.scratch):  # also between the two passes, so that no other run replaces the crops
            with given.opened() as candidate_set:
                rng = np.random.default_rng(seed)
                chosen = choose_examples(candidate_set, detector, given.settings, self.settings, rng)
            crops = self._extract(given, chosen)
            with given.opened() as candidate_set:
                used = candidate_set.only(chosen)
                return fit_rescorer(used, chosen, crops, detector.categories, self.settings)

    def detect(self, given: DetectionInput, detector: Detector, rescorer: Detector) -> list[Result]:
        """Detect objects in photographs in two steps; see `detect`.

        Raises
        ------
        InputError
            As `detect`, and when the steps know other categories.
        """
        if rescorer.categories != detector.categories:
            raise InputError("The rescorer was trained for other categories than the detector.", "rescorer")
        _warn_of_untrained(given.annotations, detector.categories)
        with locked(given.scratch):  # as in training
            with given.opened() as candidate_set:
                shortlists = choose_shortlists(candidate_set, detector, self.settings)
            if not shortlists:
                return []
            crops = self._extract(given, shortlists)
            with given.opened() as candidate_set:
                return detect_again(candidate_set.only(shortlists), shortlists, crops, rescorer, given.settings)

    def _extract(self, given: DetectionInput, of_images: Mapping[int, Shortlist | LabelledBoxes]) -> CropFeaturesOf:
        """Extract the features of crops while no other network holds the cores."""
        boxes = {image_id: of_image.boxes for image_id, of_image in of_images.items()}
        return self.crops.extract(given.split, given.annotations, boxes).read


def require_maps(backbone: Backbone) -> None:
    """Refuse layers that are vectors, since boxes are cut out of maps.

    Raises
    ------
    InputError
        Naming the first layer that is not a map.
    """
    vectors = [layer.name for layer in backbone.layers if layer.stride == 0]
    if vectors:
        raise InputError(
            f"detection.layers names {vectors[0]!r}, which in {backbone.name} is one vector for the entire photograph; "
            "choose layers that are maps."
        )


def _warn_of_untrained(annotations: AnnotationSet, categories: Sequence[int]) -> None:
    """Name the categories of the instances that are not among the trained `categories`."""
    names = {
        annotations.category_by_id[i.category_id].name
        for i in annotations.instances
        if not i.ignore and i.category_id not in categories
    }
    if names:
        logger.warning("Categories without a training instance will not be detected: %s.", ", ".join(sorted(names)))
