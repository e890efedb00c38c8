"""Features of boxes from their warped crops, which the network sees alone; kept in a feature store."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.backbones import Backbone
from hypercolumns.detection.features import geometry, unit_rows
from hypercolumns.features import schema
from hypercolumns.features.extraction import extract
from hypercolumns.features.origin import Origin
from hypercolumns.features.passes import Blocks
from hypercolumns.parameters import ComputeParameters, RescoringParameters
from hypercolumns.regions.boxes import Boxes
from hypercolumns.workspace import Split

FOLDER = "rescoring"
"""Folder below `.scratch`."""

_NONE = -1
"""Category and instance of a box that has none yet."""


@dataclass(frozen=True)
class Crops:
    """The way from boxes to the features of their crops."""

    backbone: Backbone
    """See `backbone_of_crops`."""
    expansion: float
    """Factor by which both sides of a box are enlarged."""
    compute: ComputeParameters
    scratch: Path
    """Folder that keeps the crops' features: boxes of the last call are not computed again."""

    @property
    def origin(self) -> Origin:
        """Origin of the features; what is trained on them is given features of one origin."""
        return crops_origin(self.backbone, self.expansion)

    def features(
        self, split: Split, annotations: AnnotationSet, boxes: Mapping[int, Boxes]
    ) -> Iterator[tuple[Image, NDArray[np.float32]]]:
        """Yield every image that has boxes, and the features (n, dimensions) of these.

        Parameters
        ----------
        boxes
            (n, 4) by image id.

        Raises
        ------
        InputError
            When a photograph cannot be read, or a layer has values that are not finite.
        """
        images = [annotations.image_by_id[image_id] for image_id in sorted(boxes) if len(boxes[image_id])]
        if not images:
            return
        table = _table([(image.id, boxes[image.id]) for image in images])
        out = self.scratch / FOLDER / f"crops-{split}.zarr"
        out.parent.mkdir(parents=True, exist_ok=True)
        store = extract(
            table,
            annotations,
            self.backbone,
            out,
            scratch=self.scratch,
            expansion=self.expansion,
            compute=self.compute,
        )
        start = 0
        for image in images:
            rows = slice(start, start + len(boxes[image.id]))
            blocks = {layer: store.read(layer, rows) for layer in store.layers}
            yield image, describe_crops(blocks, boxes[image.id], image)
            start = rows.stop


def describe_crops(blocks: Blocks, boxes: Boxes, image: Image) -> NDArray[np.float32]:
    """Features (n, dimensions) of boxes (n, 4) in an image from the blocks of their crops. Ours.

    Each layer is scaled to length 1, so that none outweighs the others. Position, size and shape of the box follow.
    """
    layers = [unit_rows(block) for block in blocks.values()]
    return np.concatenate([*layers, geometry(boxes, (image.width, image.height))], axis=1)


def backbone_of_crops(backbone: Backbone, settings: RescoringParameters) -> Backbone:
    """Make the backbone that sees crops from the one that sees photographs; shares network and device."""
    return backbone.averaged(settings.cells, settings.input_size)


def crops_origin(backbone: Backbone, expansion: float) -> Origin:
    """Origin of the features of crops that a backbone sees; see `Crops.origin`."""
    return {
        "backbone": backbone.name,
        "weights": backbone.weights,
        "weights_sha256": backbone.weights_sha256,
        "layers": [layer.key for layer in backbone.layers],
        "preprocessing": [list(backbone.mean), list(backbone.std), backbone.input_size],
        "expansion": expansion,
    }


def _table(boxes: list[tuple[int, Boxes]]) -> pd.DataFrame:
    """Table of regions in the order of the images, with the columns of `schema.COLUMNS`."""
    images = np.repeat([image_id for image_id, _ in boxes], [len(of_image) for _, of_image in boxes])
    corners = np.concatenate([of_image for _, of_image in boxes])
    columns: dict[str, Any] = dict.fromkeys(schema.COLUMNS, 0.0)
    columns |= {"image": images, "category": _NONE, "instance": _NONE, "kind": "detection"}
    columns |= dict(zip(schema.BOX, corners.T, strict=True))
    return pd.DataFrame(columns).astype({**schema.COLUMNS, "kind": object})
