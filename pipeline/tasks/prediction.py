"""From a feature store and trained grids to answers: every region scored on Dask workers, shard by shard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline.features.store import FeatureStore
from pipeline.grid.model import GridModel
from pipeline.grid.scoring import heat_maps
from pipeline.grid.targets import shard_slices
from pipeline.parameters import PredictParameters
from pipeline.proposals.store import ProposalStore
from pipeline.tasks.task import Region, Task


@dataclass(frozen=True)
class Prediction:
    """What one model says of some regions of a store."""

    rows: NDArray[np.int64]
    """(n,) rows of the store."""
    heat: NDArray[np.float32]
    """(n, size, size) of the likeliest target at each location."""
    results: list[Mapping[str, Any]]
    """COCO results, in the order of the rows."""


@dataclass(frozen=True)
class _Job:
    store: Path
    task: Task
    settings: PredictParameters
    proposals: Path | None
    kinds: tuple[str, ...]
    keep_heat: bool


def predict(
    store_path: Path,
    models: Sequence[Path],
    task: Task,
    settings: PredictParameters,
    client: Client,
    *,
    kinds: tuple[str, ...] = ("ground_truth", "detection"),
    proposals: Path | None = None,
    keep_heat: bool = False,
) -> list[Prediction]:
    """The answers of `task` for the regions of `kinds` from every one of `models`; each shard is read once.

    Parameters
    ----------
    models
        Saved models, where the workers can read them too.
    task
        Goes to every worker: give it annotations without instances.
    proposals
        Where the superpixels are, with `settings.superpixels`.
    keep_heat
        Whether heat maps come back too; otherwise they are empty, (n, 0, 0).
    """
    store = FeatureStore.open(store_path)
    job = _Job(
        store_path.absolute(),
        task,
        settings,
        proposals.absolute() if settings.superpixels and proposals else None,
        kinds,
        keep_heat,
    )
    paths = [path.absolute() for path in models]
    futures = [client.submit(_predict_shard, job, rows, paths, pure=False) for rows in shard_slices(store)]
    parts = [future.result() for future in tqdm(futures, desc="predict", unit=" shards")]
    return [
        Prediction(
            np.concatenate([part[i].rows for part in parts]),
            np.concatenate([part[i].heat for part in parts]),
            [result for part in parts for result in part[i].results],
        )
        for i in range(len(models))
    ]


def _predict_shard(job: _Job, rows: slice, paths: Sequence[Path]) -> list[Prediction]:
    models = [GridModel.open(path) for path in paths]
    store = FeatureStore.reopen(job.store)
    regions = store.regions.iloc[rows]
    numbers = np.flatnonzero(regions["kind"].isin(job.kinds).to_numpy())
    layers = sorted({layer for model in models for layer in model.spec.layers})
    blocks = {layer: store.read(layer, rows)[numbers] for layer in layers} if len(numbers) else {}
    superpixels = ProposalStore.open(job.proposals) if job.proposals else None
    chosen, boxes = regions.iloc[numbers], store.expanded_boxes[rows][numbers]
    predictions = []
    for model in models:
        size = model.heat_map
        heat = np.zeros((len(numbers), len(model.targets), size, size), dtype=np.float32)
        groups = chosen["category"].map(model.group_of_category).to_numpy()
        for group in np.unique(groups):
            of_group = groups == group
            own = {layer: blocks[layer][of_group] for layer in model.spec.layers}
            heat[of_group] = heat_maps(model, int(group), own, job.settings.blending)
        results: list[Mapping[str, Any]] = []
        for position, row in enumerate(chosen.to_dict("records")):
            image = job.task.annotations.image_by_id[int(row["image"])]
            labels = superpixels[image.id].superpixels if superpixels else None
            region = Region(row, boxes[position], image.width, image.height, labels)
            results += job.task.answer(heat[position], region)
        kept = heat.max(axis=1) if job.keep_heat else np.zeros((len(numbers), 0, 0), dtype=np.float32)
        predictions.append(Prediction(numbers + rows.start, kept, results))
    return predictions
