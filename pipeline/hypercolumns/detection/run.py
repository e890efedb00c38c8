"""Trains the detector on train and applies it to val."""

import importlib.metadata
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.results import Result
from hypercolumns.backbones import Backbone
from hypercolumns.detection.candidate_set import CandidateSet
from hypercolumns.detection.detector import Detector
from hypercolumns.detection.examples import trained_categories
from hypercolumns.detection.features import PhotographFeatures, maps_key
from hypercolumns.detection.training import train_detector
from hypercolumns.errors import InputError
from hypercolumns.features import photographs
from hypercolumns.features.streams import Streams
from hypercolumns.parameters import DetectionParameters
from hypercolumns.scratch.cache import ContentCache
from hypercolumns.scratch.work import locked
from hypercolumns.workspace import Split

MAPS = "detection-maps"
DETECTOR = "detection-detector"
"""Folders below `.scratch`."""

_AFTER_TRAINING = {"source", "file", "max_per_image", "suppression_overlap"}
"""Parameters on which the detector does not depend."""

_KEPT = "detector"
"""Entry of the cache that keeps the detector."""

logger = logging.getLogger(__name__)


def train_and_detect(
    annotations: Mapping[Split, AnnotationSet],
    candidates: Mapping[Split, Callable[[int], ArrayLike]],
    backbone: Backbone,
    *,
    settings: DetectionParameters,
    device: torch.device,
    seed: int,
    trained_on: str,
    scratch: Path,
) -> list[Result]:
    """Train a detector on the split `train` and detect objects in the split `val`.

    Parameters
    ----------
    annotations
        By split.
    candidates
        By split, a function from the id of an image to its candidate boxes (n, 4).
    backbone
        All of its layers must be maps.
    device
        Where the network runs.
    seed
        Seed of the draw of training examples.
    trained_on
        Digest of the annotations and candidates of `train`.
    scratch
        Folder that keeps the maps of the photographs of both splits, about half a megabyte each, and the detector: the
        next call computes only what is new, also after an interruption.

    Returns
    -------
    Detections as COCO results, for each image at most `settings.max_per_image`, best first.

    Raises
    ------
    InputError
        When a layer is not a map, no category has a training instance, or a photograph cannot be read.

    Notes
    -----
    No byte depends on the number of cores: photographs, and slices of fixed size of the training examples, are
    computed side by side, each on one core.
    """
    require_maps(backbone)
    categories = trained_categories(annotations["train"])
    _warn_of_untrained(annotations, categories)
    contents = {split: _contents(a) for split, a in annotations.items()}
    network = maps_key(backbone, settings.short_side, device)
    key = {
        "network": network,
        "photographs": contents["train"],
        "train": trained_on,
        "settings": settings.model_dump(mode="json", exclude=_AFTER_TRAINING),
        "seed": seed,
        "scipy": importlib.metadata.version("scipy"),
    }
    with (
        locked(scratch),
        Streams(backbone.to(device), device) as streams,
        threadpool_limits(1, "blas"),
    ):
        maps, detectors = ContentCache(scratch / MAPS, network), ContentCache(scratch / DETECTOR, key)

        def candidate_set(split: Split) -> CandidateSet:
            features = PhotographFeatures(annotations[split], settings, device, streams, maps, contents[split])
            return CandidateSet(split, annotations[split], candidates[split], features)

        kept = detectors.get(_KEPT)
        if kept is None:
            detector = train_detector(candidate_set("train"), categories, settings, np.random.default_rng(seed))
            detectors.put(_KEPT, detector.arrays())
        else:
            detector = Detector.from_arrays(kept)
        detections = detector.detect(candidate_set("val"), settings)
        maps.keep_only({content for by_image in contents.values() for content in by_image.values()})
        detectors.keep_only([_KEPT])
    return detections


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


def _contents(annotations: AnnotationSet) -> dict[int, str]:
    """Digests of the photographs by image id."""
    found = photographs.digests(annotations, [image.id for image in annotations.images])
    return {image_id: content.hex() for image_id, content in found.items()}


def _warn_of_untrained(annotations: Mapping[Split, AnnotationSet], categories: Sequence[int]) -> None:
    """Name the categories that occur but are not among the trained `categories`."""
    names = {
        split.category_by_id[i.category_id].name
        for split in annotations.values()
        for i in split.instances
        if not i.ignore and i.category_id not in categories
    }
    if names:
        logger.warning("Categories without a training instance will not be detected: %s.", ", ".join(sorted(names)))
