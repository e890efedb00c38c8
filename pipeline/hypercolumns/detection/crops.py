"""Features of boxes from their warped crops, which the network sees alone; kept in a feature store."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import Backbone
from hypercolumns.detection.features import feature_origin, unit_rows
from hypercolumns.features import schema
from hypercolumns.features.extraction import extract
from hypercolumns.features.origin import Origin
from hypercolumns.features.passes import Blocks
from hypercolumns.features.store import FeatureStore
from hypercolumns.parameters import ComputeParameters, DetectionParameters, RescoringParameters
from hypercolumns.regions.boxes import Boxes
from hypercolumns.workspace import Split

if TYPE_CHECKING:
    from distributed import Client

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
    client: "Client | None"
    """Client of the Dask cluster whose workers compute; None to compute in this process."""
    scratch: Path
    """Folder that keeps the crops' features: boxes of the last call are not computed again."""

    def extract(self, split: Split, annotations: AnnotationSet, boxes: Mapping[int, Boxes]) -> "CropFeatures":
        """Compute the blocks of the crops of all boxes, those that the last call has kept excepted.

        Parameters
        ----------
        boxes
            (n, 4) by image id; at least one image has boxes.

        Raises
        ------
        InputError
            When a photograph cannot be read, or a layer has values that are not finite.
        """
        out = self.scratch / FOLDER / f"crops-{split}.zarr"
        out.parent.mkdir(parents=True, exist_ok=True)
        store = extract(
            _table(boxes),
            annotations,
            self.backbone,
            out,
            scratch=self.scratch,
            expansion=self.expansion,
            compute=self.compute,
            client=self.client,
        )
        stops = np.cumsum([len(of_image) for of_image in boxes.values()])
        return CropFeatures(
            store,
            {key: slice(int(stop) - len(boxes[key]), int(stop)) for key, stop in zip(boxes, stops, strict=True)},
        )


@dataclass(frozen=True)
class CropFeatures:
    """Features of the crops of all boxes of an image set."""

    store: FeatureStore
    rows: Mapping[int, slice]
    """Rows of the store by image id."""

    def read(self, image_id: int) -> NDArray[np.float32]:
        """Read the features (n, dimensions) of the boxes of an image; see `describe_crops`."""
        rows = self.rows[image_id]
        return describe_crops({layer: self.store.read(layer, rows) for layer in self.store.layers})


def describe_crops(blocks: Blocks) -> NDArray[np.float32]:
    """Features (n, dimensions) of n boxes from the blocks of their crops: each layer is scaled to length 1. Ours."""
    return np.concatenate([unit_rows(block) for block in blocks.values()], axis=1)


def backbone_of_crops(backbone: Backbone, settings: RescoringParameters) -> Backbone:
    """Make the backbone that sees crops from the one that sees photographs; shares network and device."""
    return backbone.averaged(settings.cells, settings.input_size)


def rescoring_origin(backbone: Backbone, detection: DetectionParameters, settings: RescoringParameters) -> Origin:
    """Origin of the features of the second step, with the backbone that sees photographs."""
    size = settings.input_size or backbone.input_size
    return {**feature_origin(backbone, detection), "crops": [size, settings.cells, settings.expansion]}


def _table(boxes: Mapping[int, Boxes]) -> pd.DataFrame:
    """Table of regions in the order of the images, with the columns of `schema.COLUMNS`."""
    images = np.repeat(list(boxes), [len(of_image) for of_image in boxes.values()])
    columns: dict[str, Any] = dict.fromkeys(schema.COLUMNS, 0.0)
    columns |= {"image": images, "category": _NONE, "instance": _NONE, "kind": "detection"}
    columns |= dict(zip(schema.BOX, np.concatenate(list(boxes.values())).T, strict=True))
    return pd.DataFrame(columns).astype({**schema.COLUMNS, "kind": object})
