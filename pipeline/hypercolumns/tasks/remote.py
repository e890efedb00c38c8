"""The function that prediction submits to Dask workers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hypercolumns.annotations.model import Image
from hypercolumns.errors import InputError
from hypercolumns.features import schema
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.finite import read_finite
from hypercolumns.grid.model import GridModel
from hypercolumns.parameters import PredictParameters
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.scratch.checked_files import Arrays
from hypercolumns.tasks.answering import Superpixels, answer_regions, score_regions
from hypercolumns.tasks.predictions import Prediction, to_arrays
from hypercolumns.tasks.task import Task

_PHOTOGRAPHS_AT_ONCE = 8
"""Photographs whose superpixels are in memory together; neighbouring regions share them."""


@dataclass(frozen=True)
class Job:
    """Inputs that all pieces of the work have in common; sent with each of them, so kept small."""

    store: str
    """Address of the feature store."""
    models: tuple[str, ...]
    """Addresses of the models, named by their content."""
    proposals: str | None
    """Address of the proposal store that holds the superpixels; None without."""
    task: Task
    settings: PredictParameters
    kinds: tuple[str, ...]
    keep_heat: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """Consecutive rows of the store, in whole parts."""

    rows: slice
    regions: pd.DataFrame
    """Their region table."""
    boxes: NDArray[np.float64]
    """Their expanded boxes."""
    images: Mapping[int, Image]
    """Their images by id."""


def predict_piece(job: Job, piece: Piece) -> Arrays:
    """Predict a piece with each model.

    Returns
    -------
    The predictions as `predictions.to_arrays` encodes them.
    """
    with threadpool_limits(1):
        models = _models(job.models)
        store = FeatureStore.reopen(job.store)
        superpixels = _superpixels(job, piece)
        by_part = [
            _predict_part(job, piece, store, part, models, superpixels)
            for part in schema.parts(piece.rows.stop, piece.rows.start)
        ]
        return to_arrays(
            [
                {kind: Prediction.join([part[model][kind] for part in by_part]) for kind in job.kinds}
                for model in range(len(models))
            ]
        )


@lru_cache(1)
def _models(addresses: tuple[str, ...]) -> list[GridModel]:
    """Read the models; a worker keeps them for the next piece."""
    return [GridModel.open(address) for address in addresses]


def _predict_part(
    job: Job, piece: Piece, store: FeatureStore, rows: slice, models: list[GridModel], superpixels: Superpixels
) -> list[dict[str, Prediction]]:
    """Predictions by kind of region for each model."""
    in_piece = slice(rows.start - piece.rows.start, rows.stop - piece.rows.start)
    regions, boxes = piece.regions.iloc[in_piece], piece.boxes[in_piece]
    wanted = np.flatnonzero(regions["kind"].isin(job.kinds).to_numpy())
    layers = sorted({layer for model in models for layer in model.spec.layers})
    blocks = {layer: read_finite(store, layer, rows)[wanted] for layer in layers} if len(wanted) else {}
    regions, boxes = regions.iloc[wanted], boxes[wanted]
    categories, kinds = (regions[name].to_numpy() for name in ("category", "kind"))
    predictions = []
    for model in models:
        heat = score_regions(model, job.task, job.settings, categories, blocks)
        results = answer_regions(job.task, heat, regions, boxes, piece.images, superpixels)
        by_kind = {}
        for kind in job.kinds:
            positions = np.flatnonzero(kinds == kind)
            size = model.heat_map if kind in job.keep_heat else 0
            highest = np.round(255 * heat[positions, :, :size, :size].max(axis=1)).astype(np.uint8)
            of_kind = [result for position in positions for result in results[position]]
            by_kind[kind] = Prediction(wanted[positions] + rows.start, highest, of_kind)
        predictions.append(by_kind)
    return predictions


def _superpixels(job: Job, piece: Piece) -> Superpixels:
    """Make the function that reads superpixels, and refuses those of another photograph."""
    store = ProposalStore.reopen(job.proposals) if job.proposals else None

    @lru_cache(_PHOTOGRAPHS_AT_ONCE)
    def read(image_id: int) -> NDArray[np.int32]:
        if store is None:
            raise InputError(f"The task {job.task.name} needs superpixels, but predict.superpixels is 0.")
        labels, image = store.superpixels(image_id), piece.images[image_id]
        if labels.shape != (image.height, image.width):
            raise InputError(
                f"{store.path} has superpixels of {labels.shape[1]} x {labels.shape[0]} pixels for image {image_id} of "
                f"{image.width} x {image.height}: it was made from other photographs.",
                "propose",
            )
        return labels

    return read
