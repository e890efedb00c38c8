"""Propose regions for image sets on Dask workers; what was computed for a photograph is kept for later runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from distributed import Client
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Image, Instance
from hypercolumns.annotations.photographs.of_images import Photographs
from hypercolumns.cluster.mapping import map_unordered
from hypercolumns.errors import InputError
from hypercolumns.parameters import ProposalParameters
from hypercolumns.places.place import Place
from hypercolumns.proposals.generate import MeasuredCandidates, measure, rank, sample
from hypercolumns.proposals.kept import KeptRegions
from hypercolumns.proposals.ranking import Ranker, fit
from hypercolumns.proposals.store import Proposals, ProposalWriter

KEPT_PER_SPLIT = 10_000
"""Photographs of a split whose candidates are kept, at 1.3 MB each. Proposals are kept of all, at 0.05 MB each."""

_BATCH_SIZE = 8
"""Images per task."""
_SAMPLES_PER_IMAGE = 1000
"""Candidates of each training photograph from which the ranking is learned."""

_Result = TypeVar("_Result")
_Samples = list[tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Features (n, f) and overlaps (n,) of the sampled candidates of each image."""


@dataclass(frozen=True)
class WorkItem:
    """An image for a worker: its annotation, its photograph and the objects to learn from."""

    image: Image
    photographs: Photographs
    """Reads that of this image alone."""
    instances: tuple[Instance, ...]
    photograph: str
    """Digest of the photograph."""
    keeps_candidates: bool


def work_items(
    annotations: AnnotationSet, digests: Mapping[int, bytes], storage: Place | None = None
) -> list[WorkItem]:
    """List the images of a set, each with its instances that are neither crowd nor difficult.

    Parameters
    ----------
    annotations
        The image set.
    digests
        Digest of each photograph by image id, as `photograph_digests` computes it.
    storage
        Object store in which workers find the photographs; None if they see the folder of the images.
    """
    photographs = Photographs.of(annotations).copied_to(storage, digests)
    return [
        WorkItem(
            image,
            photographs.only([image.id]),
            tuple(i for i in annotations.instances_by_image[image.id] if not i.ignore),
            digests[image.id].hex(),
            row < KEPT_PER_SPLIT,
        )
        for row, image in enumerate(annotations.images)
    ]


def learn(
    client: Client,
    items: Sequence[WorkItem],
    settings: ProposalParameters,
    seed: int,
    kept: KeptRegions[MeasuredCandidates],
) -> Ranker:
    """Learn the ranker from up to `settings.learning_images` randomly chosen photographs.

    `seed` decides which photographs and candidates are drawn.

    Raises
    ------
    InputError
        When no photograph has a usable instance, or a photograph cannot be read.
    """
    usable = [item for item in items if item.instances]
    if not usable:
        raise InputError(
            "proposals: the ranking of candidates cannot be learned because the train split has no instance that is "
            "neither crowd nor difficult; choose another image set or lower dataset.minimum_area."
        )
    order = np.random.default_rng(seed).permutation(len(usable))[: settings.learning_images]
    chosen = [usable[i] for i in sorted(order)]
    sample_batch = partial(_sample_batch, settings=settings, seed=seed, kept=kept)
    samples = [images for batch in _run_batches(client, "learning", sample_batch, chosen) for images in batch]
    return fit(*(np.concatenate(column) for column in zip(*samples, strict=True)))


def propose_all(
    client: Client,
    items: Sequence[WorkItem],
    ranker: Ranker,
    settings: ProposalParameters,
    candidates: KeptRegions[MeasuredCandidates],
    kept: KeptRegions[Proposals],
) -> None:
    """Propose regions in the images of which no proposals are kept, and keep them.

    Raises
    ------
    InputError
        When a photograph cannot be read or its size differs from its annotation.
    """
    missing = [item for item in _distinct(items) if kept.get(item.photograph) is None]
    propose_batch = partial(_propose_batch, ranker=ranker, settings=settings, candidates=candidates, kept=kept)
    _run_batches(client, "proposals", propose_batch, missing)


def write(items: Sequence[WorkItem], ranker: Ranker, kept: KeptRegions[Proposals], path: Path) -> None:
    """Write the kept proposals of images as a `ProposalStore`.

    The bytes depend neither on the number of workers nor on what was kept of earlier runs.

    Raises
    ------
    InputError
        When the proposals of a photograph have been damaged since they were computed.
    """
    with ProposalWriter.create(path, ranker) as writer:
        for item in items:
            proposals = kept.get(item.photograph)
            if proposals is None:
                raise InputError(
                    f"What is kept of the proposals of {item.image.file_name} was damaged while this run used it. "
                    "Run again to compute them again."
                )
            writer.add(item.image.id, proposals)


def _distinct(items: Sequence[WorkItem]) -> list[WorkItem]:
    """One item of each photograph; the same file may be in both splits."""
    return list({item.photograph: item for item in items}.values())


def _run_batches(
    client: Client, name: str, function: Callable[[Sequence[WorkItem]], _Result], items: Sequence[WorkItem]
) -> list[_Result]:
    """Return `function(batch)` for consecutive batches of items, computed on the workers."""
    batches = [items[start : start + _BATCH_SIZE] for start in range(0, len(items), _BATCH_SIZE)]
    results: dict[int, _Result] = {}
    with tqdm(total=len(items), desc=f"propose: {name}", unit="image", disable=not items) as progress:
        for number, result in map_unordered(client, partial(_alone, function), batches):
            results[number] = result
            progress.update(len(batches[number]))
    return [results[number] for number in range(len(batches))]


def _alone(function: Callable[[Sequence[WorkItem]], _Result], batch: Sequence[WorkItem]) -> _Result:
    """Compute a batch on one thread: the order of sums must not depend on the number of cores."""
    cv2.setNumThreads(1)
    with threadpool_limits(1):
        return function(batch)


def _sample_batch(
    batch: Sequence[WorkItem], settings: ProposalParameters, seed: int, kept: KeptRegions[MeasuredCandidates]
) -> _Samples:
    samples = []
    for item in batch:
        figures = [masks.decode(code) for i in item.instances if (code := i.segmentation) is not None]
        boxes = [i.box for i in item.instances if not i.has_mask]
        rng = np.random.default_rng([seed, item.image.id])
        samples.append(sample(_candidates(item, settings, kept), figures, boxes, _SAMPLES_PER_IMAGE, rng))
    return samples


def _propose_batch(
    batch: Sequence[WorkItem],
    ranker: Ranker,
    settings: ProposalParameters,
    candidates: KeptRegions[MeasuredCandidates],
    kept: KeptRegions[Proposals],
) -> None:
    for item in batch:
        kept.put(item.photograph, rank(_candidates(item, settings, candidates), ranker, settings))


def _candidates(
    item: WorkItem, settings: ProposalParameters, kept: KeptRegions[MeasuredCandidates]
) -> MeasuredCandidates:
    """Candidates of a photograph, computed unless they are kept."""
    found = kept.get(item.photograph)
    if found is None:
        found = measure(item.photographs.read(item.image.id), settings)
        if item.keeps_candidates:
            kept.put(item.photograph, found)
    return found
