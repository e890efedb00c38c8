"""From a feature store and trained grids to answers: every region scored on Dask workers, shard by shard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from distributed import Client
from numpy.typing import NDArray
from tqdm import tqdm

from hypercolumns.errors import InputError, choices
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.scoring import heat_maps
from hypercolumns.parameters import PredictParameters
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.tasks.task import Region, Task


@dataclass(frozen=True)
class Prediction:
    """What one model says of the regions of one kind."""

    rows: NDArray[np.int64]
    """(n,) rows of the store."""
    heat: NDArray[np.uint8]
    """(n, size, size) of the likeliest target at each location, 255 is certain; (n, 0, 0) where it is not kept."""
    results: list[Mapping[str, Any]]
    """COCO results, in the order of the rows."""


@dataclass(frozen=True)
class _Job:
    store: Path
    task: Task
    settings: PredictParameters
    proposals: Path | None
    kinds: tuple[str, ...]
    keep_heat: tuple[str, ...]


def predict(
    store_path: Path,
    models: Sequence[GridModel],
    task: Task,
    settings: PredictParameters,
    client: Client,
    *,
    kinds: tuple[str, ...] = ("detection", "ground_truth"),
    proposals: Path | None = None,
    keep_heat: tuple[str, ...] = (),
) -> list[dict[str, Prediction]]:
    """The answers of `task` for the regions of `kinds` from every one of `models`, by kind; each shard is read once.

    Parameters
    ----------
    task
        Goes to every worker: give it annotations without instances.
    proposals
        Where the superpixels are, with `settings.superpixels`.
    keep_heat
        The kinds of which heat maps come back too.

    Raises
    ------
    InputError
        When a model has other targets than the task, or no grid for a category.
    """
    store = FeatureStore.open(store_path)
    _check(models, task, store)
    job = _Job(
        store_path.absolute(),
        task,
        settings,
        proposals.absolute() if settings.superpixels and proposals else None,
        kinds,
        keep_heat,
    )
    sent = client.scatter(list(models), broadcast=True, hash=False)
    regions, boxes = store.regions, store.expanded_boxes
    futures = [
        client.submit(_predict_shard, job, rows, regions.iloc[rows], boxes[rows], sent, pure=False)
        for rows in store.shards
    ]
    parts = []
    for future in tqdm(futures, desc="predict", unit=" shards"):
        parts.append(future.result())
        future.release()  # workers need not keep what is here
    return [{kind: _joined([part[i][kind] for part in parts]) for kind in kinds} for i in range(len(models))]


def _check(models: Sequence[GridModel], task: Task, store: FeatureStore) -> None:
    """Refuse models of other annotations: positions of targets would mean something else."""
    categories = {int(category) for category in store.regions["category"].unique()}
    for model in models:
        if model.targets != task.targets:
            raise InputError(
                f"The model for {task.name} was trained for {choices(model.targets)}, the annotations of {store.path} "
                f"have {choices(task.targets)}, in this order; both splits need the same."
            )
        unknown = categories - set(model.group_of_category)
        if unknown:
            raise InputError(
                f"The model for {task.name} knows the categories {choices(map(str, sorted(model.group_of_category)))}, "
                f"{store.path} has {choices(map(str, sorted(unknown)))} too; both splits need the same categories."
            )


def _joined(parts: Sequence[Prediction]) -> Prediction:
    rows, heat = (np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "heat"))
    return Prediction(rows, heat, [result for part in parts for result in part.results])


def _predict_shard(
    job: _Job, rows: slice, regions: pd.DataFrame, boxes: NDArray[np.float64], models: Sequence[GridModel]
) -> list[dict[str, Prediction]]:
    """Predictions for `rows` of the store, whose region table and expanded boxes come along."""
    store = FeatureStore.reopen(job.store)
    numbers = np.flatnonzero(regions["kind"].isin(job.kinds).to_numpy())
    layers = sorted({layer for model in models for layer in model.spec.layers})
    blocks = {layer: store.read(layer, rows)[numbers] for layer in layers} if len(numbers) else {}
    superpixels = ProposalStore.open(job.proposals) if job.proposals else None
    chosen = regions.iloc[numbers]
    kinds = chosen["kind"].to_numpy()
    predictions = []
    for model in models:
        heat = _heat_maps(model, job, chosen["category"].to_numpy(), blocks)
        results: list[list[Mapping[str, Any]]] = []
        for position, row in enumerate(chosen.to_dict("records")):
            image = job.task.annotations.image_by_id[int(row["image"])]
            labels = superpixels[image.id].superpixels if superpixels else None
            region = Region(row, boxes[numbers[position]], image.width, image.height, labels)
            has_answer = job.task.targets_of(region.category_id)
            results.append(list(job.task.answer(heat[position], region)) if has_answer else [])
        by_kind = {}
        for kind in job.kinds:
            own = np.flatnonzero(kinds == kind)
            size = model.heat_map if kind in job.keep_heat else 0
            kept = np.round(255 * heat[own, :, :size, :size].max(axis=1)).astype(np.uint8)
            of_kind = [result for position in own for result in results[position]]
            by_kind[kind] = Prediction(numbers[own] + rows.start, kept, of_kind)
        predictions.append(by_kind)
    return predictions


def _heat_maps(
    model: GridModel, job: _Job, categories: NDArray[np.int64], blocks: Mapping[str, NDArray[np.float16]]
) -> NDArray[np.float32]:
    """(region, target, size, size); a category's regions are only asked for its own targets."""
    size = model.heat_map
    heat = np.zeros((len(categories), len(model.targets), size, size), dtype=np.float32)
    for category in np.unique(categories):
        targets = np.array(job.task.targets_of(int(category)), dtype=np.int64)
        if len(targets):
            rows = np.flatnonzero(categories == category)
            own = {layer: blocks[layer][rows] for layer in model.spec.layers}
            group = model.group_of_category[int(category)]
            heat[np.ix_(rows, targets)] = heat_maps(model.of_targets(targets), group, own, job.settings.blending)
    return heat
