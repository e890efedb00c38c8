"""From a feature store and trained grids to answers: every region scored on Dask workers, shard by shard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline.annotations.model import AnnotationSet
from pipeline.features.store import FeatureStore
from pipeline.grid.model import GridModel
from pipeline.grid.scoring import heat_maps
from pipeline.grid.targets import shard_slices
from pipeline.parameters import PredictParameters
from pipeline.proposals.store import ProposalStore
from pipeline.tasks.segmentation import as_result, segment


@dataclass(frozen=True)
class Prediction:
    """What one model says of some regions of a store."""

    rows: NDArray[np.int64]
    """(n,) rows of the store."""
    heat: NDArray[np.float32]
    """(n, target, size, size)."""
    results: list[dict[str, Any]]
    """COCO results, one per row."""


@dataclass(frozen=True)
class _Job:
    store: Path
    sizes: Mapping[int, tuple[int, int]]
    settings: PredictParameters
    proposals: Path | None
    kinds: tuple[str, ...]
    keep_heat: bool


def predict(
    store_path: Path,
    models: Sequence[Path],
    annotations: AnnotationSet,
    settings: PredictParameters,
    client: Client,
    *,
    kinds: tuple[str, ...] = ("ground_truth", "detection"),
    proposals: Path | None = None,
    keep_heat: bool = False,
) -> list[Prediction]:
    """Segment the regions of `kinds` with every one of `models`; each shard is read once.

    Parameters
    ----------
    models
        Saved models, where the workers can read them too.
    annotations
        For the sizes of the photographs; masks are not looked at.
    proposals
        Where the superpixels are, needed with `settings.superpixels`.
    keep_heat
        Whether the heat maps come back too; otherwise they have no targets.
    """
    store = FeatureStore.open(store_path)
    sizes = {image.id: (image.width, image.height) for image in annotations.images}
    job = _Job(
        store_path.absolute(),
        sizes,
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
    store = FeatureStore.open(job.store)
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
        results = []
        for position, region in enumerate(chosen.to_dict("records")):
            width, height = job.sizes[int(region["image"])]
            labels = superpixels[int(region["image"])].superpixels if superpixels else None
            mask = segment(heat[position, 0], boxes[position], width, height, job.settings.threshold, labels)
            results.append(as_result(region, mask))
        kept = heat if job.keep_heat else heat[:, :0]
        predictions.append(Prediction(numbers + rows.start, kept, results))
    return predictions
