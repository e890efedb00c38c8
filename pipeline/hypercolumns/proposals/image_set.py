"""Propose regions for an image set on Dask workers, batch by batch, so that an interrupted run can resume."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from distributed import Client, as_completed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Image, Instance
from hypercolumns.annotations.photographs.reading import read_photograph
from hypercolumns.errors import InputError
from hypercolumns.parameters import ProposalParameters
from hypercolumns.proposals.generate import propose, sample
from hypercolumns.proposals.ranking import Ranker, fit
from hypercolumns.proposals.store import COLUMNS, Proposals, ProposalWriter
from hypercolumns.scratch.checked_files import atomic_write

_BATCH_SIZE = 8
"""Images per task and per intermediate file."""
_SAMPLES_PER_IMAGE = 1000
"""Candidates of each training photograph from which the ranking is learned."""

Arrays = dict[str, NDArray]


@dataclass(frozen=True)
class WorkItem:
    """An image for a worker: its annotation, its file and the objects to learn from.

    The path is absolute because workers may run in another folder.
    """

    image: Image
    path: Path
    instances: tuple[Instance, ...]


def work_items(annotations: AnnotationSet) -> list[WorkItem]:
    """List the images of a set, each with its instances that are neither crowd nor difficult."""
    return [
        WorkItem(
            image,
            annotations.image_path(image).absolute(),
            tuple(i for i in annotations.instances_by_image[image.id] if not i.ignore),
        )
        for image in annotations.images
    ]


def learn(client: Client, annotations: AnnotationSet, settings: ProposalParameters, seed: int, work: Path) -> Ranker:
    """Learn the ranker from up to `settings.learning_images` randomly chosen photographs.

    `seed` decides which photographs and candidates are drawn; finished batches in the folder `work` are reused.

    Raises
    ------
    InputError
        When no photograph has a usable instance, or a photograph cannot be read.
    """
    usable = [item for item in work_items(annotations) if item.instances]
    if not usable:
        raise InputError(
            "proposals: the ranking of candidates cannot be learned because the train split has no instance that is "
            "neither crowd nor difficult; choose another image set or lower dataset.minimum_area."
        )
    order = np.random.default_rng(seed).permutation(len(usable))[: settings.learning_images]
    chosen = [usable[i] for i in sorted(order)]
    sample_batch = partial(_sample_batch, settings=settings, seed=seed)
    samples = [arrays for _, arrays in _run_batches(client, "learning", sample_batch, chosen, work)]
    return fit(*(np.concatenate([s[name] for s in samples]) for name in ("features", "overlaps")))


def write(
    client: Client, annotations: AnnotationSet, ranker: Ranker, settings: ProposalParameters, name: str, work: Path
) -> Path:
    """Propose regions in every image and write them as a `ProposalStore`.

    Finished batches in `work` are reused. The bytes depend neither on the number of workers nor on interruptions.

    Returns
    -------
    Path of the store, `<work>/<name>.zarr`.

    Raises
    ------
    InputError
        When a photograph cannot be read or its size differs from its annotation.
    """
    path = work / f"{name}.zarr"
    propose_batch = partial(_propose_batch, ranker=ranker, settings=settings)
    with ProposalWriter.create(path, ranker) as writer:
        for batch, arrays in _run_batches(client, name, propose_batch, work_items(annotations), work):
            for i, item in enumerate(batch):
                writer.add(item.image.id, Proposals(**{column: arrays[f"{column}{i}"] for column in COLUMNS}))
    return path


def _run_batches(
    client: Client, name: str, function: Callable[[Sequence[WorkItem]], Arrays], items: Sequence[WorkItem], work: Path
) -> Iterator[tuple[Sequence[WorkItem], Arrays]]:
    """Yield batches of items, in order, each with `function(batch)`.

    Workers save each result as a file in `work`; files that exist already are reused.
    """
    batches = [items[start : start + _BATCH_SIZE] for start in range(0, len(items), _BATCH_SIZE)]
    files = [work.absolute() / f"{name}-{number:05d}.npz" for number in range(len(batches))]
    missing = [(batch, file) for batch, file in zip(batches, files, strict=True) if not file.exists()]
    done = len(items) - sum(len(batch) for batch, _ in missing)
    futures = [client.submit(_save, file, function, batch, pure=False) for batch, file in missing]
    try:
        with tqdm(total=len(items), initial=done, desc=f"propose {name}", unit="image") as progress:
            for future in as_completed(futures):
                progress.update(future.result())
    finally:
        client.cancel(futures)
    for batch, file in zip(batches, files, strict=True):
        with np.load(file) as arrays:
            yield batch, dict(arrays)


def _save(file: Path, function: Callable[[Sequence[WorkItem]], Arrays], batch: Sequence[WorkItem]) -> int:
    """Compute a batch on a worker and save it atomically; returns the number of its images."""
    cv2.setNumThreads(1)
    with threadpool_limits(1):  # the order of sums must not depend on the number of cores
        arrays = function(batch)
    with atomic_write(file) as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    return len(batch)


def _sample_batch(batch: Sequence[WorkItem], settings: ProposalParameters, seed: int) -> Arrays:
    samples = []
    for item in batch:
        figures = [masks.decode(code) for i in item.instances if (code := i.segmentation) is not None]
        boxes = [i.box for i in item.instances if not i.has_mask]
        rng = np.random.default_rng([seed, item.image.id])
        photograph = read_photograph(item.path, item.image)
        samples.append(sample(photograph, figures, boxes, _SAMPLES_PER_IMAGE, settings, rng))
    features, overlaps = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    return {"features": features, "overlaps": overlaps}


def _propose_batch(batch: Sequence[WorkItem], ranker: Ranker, settings: ProposalParameters) -> Arrays:
    proposals = [propose(read_photograph(item.path, item.image), ranker, settings) for item in batch]
    return {f"{column}{i}": getattr(found, column) for i, found in enumerate(proposals) for column in COLUMNS}
