"""Trains the detector on train and applies it to val."""

import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.results import Result
from hypercolumns.backbones import Backbone
from hypercolumns.detection.candidate_set import CandidateSet
from hypercolumns.detection.examples import trained_categories
from hypercolumns.detection.features import PhotographFeatures
from hypercolumns.detection.training import train_detector
from hypercolumns.errors import InputError
from hypercolumns.parameters import DetectionParameters
from hypercolumns.workspace import Split

logger = logging.getLogger(__name__)


def train_and_detect(
    annotations: Mapping[Split, AnnotationSet],
    candidates: Mapping[Split, Callable[[int], ArrayLike]],
    backbone: Backbone,
    *,
    settings: DetectionParameters,
    device: torch.device,
    seed: int,
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
    scratch
        Folder for the maps of training photographs, about 1 MB each; they are removed in the end.

    Returns
    -------
    Detections as COCO results, for each image at most `settings.max_per_image`, best first.

    Raises
    ------
    InputError
        When a layer is not a map, no category has a training instance, or a photograph cannot be read.
    """
    require_maps(backbone)
    categories = trained_categories(annotations["train"])
    _warn_of_untrained(annotations, categories)
    backbone = backbone.to(device)
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="detect-", dir=scratch) as folder:
        splits = {}
        for name, split in annotations.items():
            # Training passes over its photographs several times; all others are used once.
            kept = Path(folder) if name == "train" else None
            features = PhotographFeatures(split, backbone, settings, device, kept)
            splits[name] = CandidateSet(name, split, candidates[name], features.describe)
        detector = train_detector(splits["train"], categories, settings, np.random.default_rng(seed))
        return detector.detect(splits["val"], settings)


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
