"""Prediction: trained grids score every region of a feature store, part by part on Dask workers."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from distributed import Client, as_completed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from hypercolumns.errors import InputError
from hypercolumns.features.origin import origin_of, require_origin
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.finite import read_finite
from hypercolumns.grid.model import GridModel
from hypercolumns.parameters import PredictParameters
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.scratch.checked_files import Arrays, load_arrays, save_arrays
from hypercolumns.scratch.work import work
from hypercolumns.tasks import kept_parts
from hypercolumns.tasks.answering import Superpixels, answer_regions, score_regions
from hypercolumns.tasks.kept_parts import Prediction
from hypercolumns.tasks.task import Task

_PHOTOGRAPHS_AT_ONCE = 8
"""Photographs whose superpixels are in memory together; neighbouring regions share them."""


@dataclass(frozen=True)
class _Job:
    """The part of the work that all parts of the store share; `predict` explains the fields."""

    store: str
    """Its address."""
    task: Task
    settings: PredictParameters
    proposals: Path | None
    kinds: tuple[str, ...]
    keep_heat: tuple[str, ...]


def predict(
    store_path: Path | str,
    task: Task,
    models: Sequence[GridModel],
    settings: PredictParameters,
    client: Client,
    *,
    kinds: tuple[str, ...] = ("detection", "ground_truth"),
    proposals: Path | str | None = None,
    keep_heat: tuple[str, ...] = (),
    scratch: Path | str | None = None,
    task_key: Mapping[str, Any] | None = None,
) -> list[dict[str, Prediction]]:
    """Answer a task for the regions of a feature store with every one of several models.

    Each part of the store is read once, however many models there are.

    Parameters
    ----------
    store_path
        The feature store.
    models
        Models of the task, trained on the same targets and categories.
    task
        The task. It is sent to every worker, so give it annotations without instances.
    settings
        Blending of cells, threshold, share of superpixels and scores of masks.
    client
        Client of the Dask cluster to run on.
    kinds
        Kinds of regions to predict.
    proposals
        Proposal store that holds the superpixels; used if `settings.superpixels`.
    keep_heat
        Kinds of regions whose heat maps are returned too.
    scratch
        Folder that keeps finished parts until all are done, so that the same call resumes after an interruption. It
        needs `task_key`. Without both, nothing is kept.
    task_key
        JSON-like values that differ wherever answers of tasks differ: everything that `task` was made from, and a
        version of its code if that is not part of this package. All other inputs are told apart by their content.

    Returns
    -------
    list of dict
        For each model, its predictions by kind of region.

    Raises
    ------
    InputError
        When a model was trained on features of another origin, has other targets than the task or no grid for a
        category, superpixels are missing, or features are damaged or not finite.
    ValueError
        When only one of `scratch` and `task_key` is given.

    Notes
    -----
    The results do not depend on the number of workers or their threads.
    """
    if settings.superpixels and proposals is None:
        raise InputError(
            f"predict.superpixels is {settings.superpixels:g}, so the proposal store that holds superpixels is needed; "
            "0 needs none."
        )
    if (scratch is None) != (task_key is None):
        raise ValueError("`scratch` and `task_key` are given together or not at all")
    store = FeatureStore.open(store_path)
    _check(models, task, store)
    superpixels = Path(proposals).absolute() if settings.superpixels and proposals else None
    job = _Job(store.address, task, settings, superpixels, kinds, keep_heat)
    sent_models = client.scatter(list(models), broadcast=True, hash=False)
    regions, boxes = store.regions, store.expanded_boxes
    keeping: AbstractContextManager[Path | None] = nullcontext()
    if scratch is not None and task_key is not None:
        key = kept_parts.key(store, task_key, models, settings, superpixels, kinds, keep_heat)
        keeping = work(Path(scratch), "predict", key)
    with keeping as folder:
        kept = {rows.start: load_arrays(_file(folder, rows)) if folder else None for rows in store.parts}
        parts = {first: arrays for first, arrays in kept.items() if arrays is not None}
        futures = {
            client.submit(_predict_part, job, rows, regions.iloc[rows], boxes[rows], sent_models, pure=False): rows
            for rows in store.parts
            if rows.start not in parts
        }
        with tqdm(total=len(kept), initial=len(parts), desc="predict", unit=" parts") as progress:
            for future in as_completed(futures):
                rows = futures[future]
                parts[rows.start] = future.result()
                if folder:
                    save_arrays(_file(folder, rows), parts[rows.start])
                future.release()  # frees the worker's copy
                progress.update()
        decoded = [kept_parts.from_arrays(parts[first], len(models), kinds) for first in kept]
        return [
            {kind: Prediction.join([part[i][kind] for part in decoded]) for kind in kinds} for i in range(len(models))
        ]


def _file(folder: Path, rows: slice) -> Path:
    """File that keeps the predictions of a part of the store."""
    return folder / f"{rows.start}.npz"


def _check(models: Sequence[GridModel], task: Task, store: FeatureStore) -> None:
    """Refuse models trained on other annotations, whose targets would be mistaken for those of the task."""
    categories = set(store.regions["category"])
    for model in models:
        require_origin(model.features, origin_of(store.attributes), f"The model for {task.name}", "train")
        if model.targets != task.targets:
            raise InputError(
                f"The model for {task.name} was trained for the targets {', '.join(model.targets)}, but the "
                f"annotations of {store.path} have {', '.join(task.targets)}; both splits need the same targets in the "
                "same order."
            )
        known = model.group_of_category
        if unknown := categories - set(known):
            raise InputError(
                f"The model for {task.name} knows the categories {', '.join(map(str, sorted(known)))}, but "
                f"{store.path} also has {', '.join(map(str, sorted(unknown)))}; both splits need the same categories."
            )


def _predict_part(
    job: _Job, rows: slice, regions: pd.DataFrame, boxes: NDArray[np.float64], models: Sequence[GridModel]
) -> Arrays:
    """Predict `rows` of the store with each model; `regions` and `boxes` are their region table and expanded boxes.

    Returns
    -------
    The predictions as `kept_parts.to_arrays` encodes them.
    """
    with threadpool_limits(1):
        return kept_parts.to_arrays(_predictions(job, rows, regions, boxes, models))


def _predictions(
    job: _Job, rows: slice, regions: pd.DataFrame, boxes: NDArray[np.float64], models: Sequence[GridModel]
) -> list[dict[str, Prediction]]:
    """Predictions by kind of region for each model."""
    store = FeatureStore.reopen(job.store)
    wanted = np.flatnonzero(regions["kind"].isin(job.kinds).to_numpy())
    layers = sorted({layer for model in models for layer in model.spec.layers})
    blocks = {layer: read_finite(store, layer, rows)[wanted] for layer in layers} if len(wanted) else {}
    superpixels = _superpixels(job)
    regions, boxes = regions.iloc[wanted], boxes[wanted]
    categories, kinds = (regions[name].to_numpy() for name in ("category", "kind"))
    predictions = []
    for model in models:
        heat = score_regions(model, job.task, job.settings, categories, blocks)
        results = answer_regions(job.task, heat, regions, boxes, superpixels)
        by_kind = {}
        for kind in job.kinds:
            positions = np.flatnonzero(kinds == kind)
            size = model.heat_map if kind in job.keep_heat else 0
            highest = np.round(255 * heat[positions, :, :size, :size].max(axis=1)).astype(np.uint8)
            of_kind = [result for position in positions for result in results[position]]
            by_kind[kind] = Prediction(wanted[positions] + rows.start, highest, of_kind)
        predictions.append(by_kind)
    return predictions


def _superpixels(job: _Job) -> Superpixels:
    """Make the function that reads superpixels, and refuses those of another photograph."""
    store = ProposalStore.open(job.proposals) if job.proposals else None

    @lru_cache(_PHOTOGRAPHS_AT_ONCE)
    def read(image_id: int) -> NDArray[np.int32]:
        if store is None:
            raise InputError(f"The task {job.task.name} needs superpixels, but predict.superpixels is 0.")
        labels, image = store.superpixels(image_id), job.task.annotations.image_by_id[image_id]
        if labels.shape != (image.height, image.width):
            raise InputError(
                f"{store.path} has superpixels of {labels.shape[1]} x {labels.shape[0]} pixels for image {image_id} of "
                f"{image.width} x {image.height}: it was made from other photographs.",
                "propose",
            )
        return labels

    return read
