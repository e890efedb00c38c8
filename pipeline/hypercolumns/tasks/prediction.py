"""Prediction: trained grids score every region of a feature store, piece by piece on Dask workers."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from distributed import Client
from tqdm import tqdm

from hypercolumns.annotations.model import Image
from hypercolumns.cluster.mapping import map_unordered
from hypercolumns.errors import InputError
from hypercolumns.features.origin import origin_of, require_origin
from hypercolumns.features.schema import REGIONS_PER_PART
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.parameters import PredictParameters
from hypercolumns.places.place import place_at
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.scratch.checked_files import load_arrays, save_arrays
from hypercolumns.scratch.shared import removed_afterwards, shared_work
from hypercolumns.scratch.work import locked, work
from hypercolumns.stores.manifest import content_digest
from hypercolumns.stores.references import upload
from hypercolumns.tasks.predictions import Predictions
from hypercolumns.tasks.remote import Job, Piece, predict_piece
from hypercolumns.tasks.task import Task

_STEP = "predict"
"""Folder of the work."""

_FEW_PIECES, _MOST_PARTS = 256, 16
"""A piece has several parts where there would be more pieces than this, but not more than `_MOST_PARTS`: calls and
files cost more than the prediction of small blocks."""


@contextmanager
def predict(
    store_path: Path | str,
    task: Task,
    models: Sequence[GridModel],
    settings: PredictParameters,
    client: Client,
    *,
    images: Mapping[int, Image],
    scratch: Path | str,
    task_key: Mapping[str, Any] | None = None,
    kinds: tuple[str, ...] = ("detection", "ground_truth"),
    proposals: Path | str | None = None,
    keep_heat: tuple[str, ...] = (),
    storage: str | None = None,
) -> Iterator[list[dict[str, Predictions]]]:
    """Answer a task for the regions of a feature store with every one of several models.

    Each part of the store is read once, however many models there are.

    Parameters
    ----------
    store_path
        The feature store.
    task
        The task. It is sent with every call to a worker, so give it annotations without images and instances.
    models
        Models of the task, trained on the same targets and categories.
    settings
        Blending of cells, threshold, share of superpixels and scores of masks.
    client
        Client of the Dask cluster to run on.
    images
        By id, the images that the regions lie in.
    scratch
        Folder for the predictions until the `with` block ends. Workers read the models there, unless `storage` is
        given.
    task_key
        JSON-like values that differ wherever answers of tasks differ: everything that `task` and `images` were made
        from, and a version of its code if that is not part of this package. All other inputs are told apart by their
        content. The same call then resumes after an interruption. None: it begins again.
    kinds
        Kinds of regions to predict.
    proposals
        Proposal store that holds the superpixels; used if `settings.superpixels`.
    keep_heat
        Kinds of regions whose heat maps are kept too.
    storage
        As `compute.storage`: address of an object store, if that is all that workers and client share. It holds the
        models meanwhile.

    Yields
    ------
    list of dict
        For each model, its predictions by kind of region.

    Raises
    ------
    InputError
        When a model was trained on features of another origin, has other targets than the task or no grid for a
        category, superpixels are missing, or features are damaged or not finite.
    PlaceError
        When the object store cannot be reached, or refuses.

    Notes
    -----
    The results do not depend on the number of workers or their threads.
    """
    if settings.superpixels and proposals is None:
        raise InputError(
            f"predict.superpixels is {settings.superpixels:g}, so the proposal store that holds superpixels is needed; "
            "0 needs none."
        )
    store = FeatureStore.open(store_path)
    _check(models, task, store)
    superpixels = proposals if settings.superpixels else None
    key = None
    if task_key is not None:
        key = {
            "store": content_digest(store.path),
            "proposals": content_digest(superpixels) if superpixels else None,
            "task": task_key,
            "models": [model.digest() for model in models],
            "settings": settings.model_dump(mode="json"),
            "versions": [version(package) for package in ("numpy", "pycocotools", "scipy")],
            "kinds": [list(kinds), list(keep_heat)],
        }
    with _folder(Path(scratch), key) as folder, _shared(models, folder, storage) as addresses:
        job = Job(
            store=store.address,
            models=addresses,
            proposals=ProposalStore.open(superpixels).address if superpixels else None,
            task=task,
            settings=settings,
            kinds=kinds,
            keep_heat=keep_heat,
        )
        files = _predict_pieces(client, job, store, images, folder)
        yield [{kind: Predictions(files, i, kind) for kind in kinds} for i in range(len(models))]


def _predict_pieces(
    client: Client, job: Job, store: FeatureStore, images: Mapping[int, Image], folder: Path
) -> list[Path]:
    """Predict the pieces that the folder does not have yet; return the files of all."""
    everything = _pieces(len(store))
    files = {rows.start: folder / f"{rows.start}.npz" for rows in everything}
    missing = [rows for rows in everything if load_arrays(files[rows.start]) is None]
    n_missing = sum(rows.stop - rows.start for rows in missing)
    pieces = (_piece(store, rows, images) for rows in missing)
    with tqdm(total=len(store), initial=len(store) - n_missing, desc="predict", unit=" regions") as progress:
        for number, arrays in map_unordered(client, partial(predict_piece, job), pieces):
            rows = missing[number]
            save_arrays(files[rows.start], arrays)
            progress.update(rows.stop - rows.start)
    return list(files.values())


def _pieces(n_regions: int) -> list[slice]:
    """Rows of every piece; they depend on the size of the store alone."""
    step = max(1, min(_MOST_PARTS, n_regions // (_FEW_PIECES * REGIONS_PER_PART))) * REGIONS_PER_PART
    return [slice(first, min(first + step, n_regions)) for first in range(0, n_regions, step)]


def _piece(store: FeatureStore, rows: slice, images: Mapping[int, Image]) -> Piece:
    regions = store.regions.iloc[rows]
    of_piece = {int(image): images[int(image)] for image in regions["image"].unique()}
    return Piece(rows, regions, store.expanded_boxes[rows], of_piece)


@contextmanager
def _folder(scratch: Path, key: Mapping[str, Any] | None) -> Iterator[Path]:
    """Hold the folder of the work with this key; without one, a new folder."""
    if key is not None:
        with work(scratch, _STEP, key) as folder:
            yield folder
    else:
        with locked(scratch), tempfile.TemporaryDirectory(dir=scratch) as temporary:
            yield Path(temporary)


@contextmanager
def _shared(models: Sequence[GridModel], folder: Path, storage: str | None) -> Iterator[tuple[str, ...]]:
    """Write the models where workers read them, and provide their addresses."""
    names = [f"{model.digest()}.zarr" for model in models]
    for name, model in zip(names, models, strict=True):
        model.save(folder / name)
    if storage is None:
        yield tuple(place_at(folder / name).address for name in names)
        return
    place = shared_work(place_at(storage), folder, _STEP)
    place.delete()  # what a killed run left
    with removed_afterwards(place.delete):
        for name in names:
            upload(folder / name, place.below(name))
        yield tuple(place.below(name).address for name in names)


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
