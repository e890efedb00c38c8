"""Own detections, from annotations and candidates to the boxes of val."""

import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.annotations.results import Result
from hypercolumns.backbones import Backbone
from hypercolumns.detection.candidate_set import CandidateSet
from hypercolumns.detection.examples import trained_categories
from hypercolumns.detection.features import Extractor, PhotographMaps, describe
from hypercolumns.detection.training import train
from hypercolumns.errors import InputError
from hypercolumns.parameters import DetectionParameters
from hypercolumns.regions.boxes import Boxes
from hypercolumns.workspace import Split

logger = logging.getLogger(__name__)


def run(
    annotations: Mapping[Split, AnnotationSet],
    candidates: Mapping[Split, Callable[[int], ArrayLike]],
    backbone: Backbone,
    settings: DetectionParameters,
    device: torch.device,
    seed: int,
    work: Path,
) -> list[Result]:
    """Train on the split `train`, detect on the split `val`.

    Parameters
    ----------
    annotations
        By split.
    candidates
        By split, the (n, 4) candidate boxes of an image by its id.
    backbone
        Whose layers are maps of photographs of any size.
    seed
        Of the draw of training examples.
    work
        Folder for the maps of the training photographs, about 1 MB each, gone in the end.

    Raises
    ------
    InputError
        When a layer is no map, no category has a training instance, or a photograph cannot be read.
    """
    vectors = [layer.name for layer in backbone.layers if layer.stride == 0]
    if vectors:
        raise InputError(
            f"detection.layers names {vectors[0]!r}, which {backbone.name} gives as one vector for a whole photograph; "
            f"choose layers that are maps."
        )
    categories = trained_categories(annotations["train"])
    _warn(annotations, categories)
    extractor = Extractor(backbone.to(device), settings.short_side, device)
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="detect-", dir=work) as folder:
        splits = {}
        for name, own in annotations.items():
            # Training goes through its photographs several times, the others are seen once.
            maps = PhotographMaps(own, extractor, Path(folder) if name == "train" else None)
            splits[name] = CandidateSet(name, own, candidates[name], partial(_describe, maps, settings))
        detector = train(splits["train"], categories, settings, np.random.default_rng(seed))
        return detector.detect(splits["val"], settings)


def _describe(maps: PhotographMaps, settings: DetectionParameters, image: Image, boxes: Boxes) -> NDArray[np.float32]:
    return describe(maps[image], image, boxes, settings)


def _warn(annotations: Mapping[Split, AnnotationSet], categories: Sequence[int]) -> None:
    """Say in one line which categories occur but have nothing to learn from."""
    names = {
        split.category_by_id[i.category_id].name
        for split in annotations.values()
        for i in split.instances
        if not i.ignore and i.category_id not in categories
    }
    if names:
        logger.warning("No training instance, hence no detector, for: %s.", ", ".join(sorted(names)))
