"""Proposals of a whole image set on Dask workers, batch by batch, so that an interrupted run goes on where it was."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from distributed import Client, as_completed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from hypercolumns.annotations import masks
from hypercolumns.annotations.images import read_photograph
from hypercolumns.annotations.model import AnnotationSet, Image, Instance
from hypercolumns.errors import InputError
from hypercolumns.parameters import ProposalParameters
from hypercolumns.proposals.generate import propose, sample
from hypercolumns.proposals.ranking import Ranker, fit
from hypercolumns.proposals.store import Proposals, ProposalWriter
from hypercolumns.scratch import committed

_BATCH = 8
"""Images per task and per file of unfinished work."""
_SAMPLE = 1000
"""Candidates per photograph that the ranking is learned from."""
_COLUMNS = "superpixels", "members", "boxes", "scores"

Arrays = dict[str, NDArray]


@dataclass(frozen=True)
class WorkItem:
    """What a worker needs to know of an image: its annotation, its file, and objects to learn from.

    The path is absolute, since workers may run elsewhere.
    """

    image: Image
    path: Path
    instances: tuple[Instance, ...]


def work_items(annotations: AnnotationSet) -> list[WorkItem]:
    """The images of a set, each with its instances that count."""
    return [
        WorkItem(
            image,
            annotations.image_path(image).absolute(),
            tuple(i for i in annotations.instances_by_image[image.id] if not i.ignore),
        )
        for image in annotations.images
    ]


def learn(client: Client, annotations: AnnotationSet, settings: ProposalParameters, seed: int, work: Path) -> Ranker:
    """The ranker, learned from up to `settings.learning_images` photographs that are drawn at random.

    Raises
    ------
    InputError
        When no photograph can be learned from, or one cannot be read.
    """
    useful = [item for item in work_items(annotations) if item.instances]
    if not useful:
        raise InputError(
            "proposals: the train split has no instance that is neither crowd nor difficult, so the ranking of "
            "candidates cannot be learned; choose another image set or lower dataset.minimum_area."
        )
    order = np.random.default_rng(seed).permutation(len(useful))[: settings.learning_images]
    chosen = [useful[i] for i in sorted(order)]
    samples = list(_run(client, "learning", _samples, chosen, (settings, seed), work))
    return fit(*(np.concatenate([s[name] for s in samples]) for name in ("features", "overlaps")))


def write(
    client: Client,
    annotations: AnnotationSet,
    ranker: Ranker,
    settings: ProposalParameters,
    name: str,
    work: Path,
) -> Path:
    """Propose regions in every image and write the `ProposalStore`; returns its path below `work`.

    Finished batches in `work` are used again. The bytes depend neither on the workers nor on interruptions.

    Raises
    ------
    InputError
        When a photograph cannot be read or has another size than its annotation.
    """
    path = work / f"{name}.zarr"
    items = work_items(annotations)
    with ProposalWriter(path, ranker) as writer:
        rows = iter(items)
        for batch in _run(client, name, _proposals, items, (ranker, settings), work):
            for i in range(int(batch["count"])):
                writer.add(next(rows).image.id, Proposals(*(batch[f"{column}{i}"] for column in _COLUMNS)))
    return path


def _run(
    client: Client,
    name: str,
    function: Callable[..., Arrays],
    items: Sequence[WorkItem],
    arguments: tuple[Any, ...],
    work: Path,
) -> Iterator[Arrays]:
    """The results of `function(batch, *arguments)` for batches of images, in order.

    Workers leave each result as a file in `work`; a file that is there already is not made again.
    """
    batches = [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
    files = [work.absolute() / f"{name}-{number:05d}.npz" for number in range(len(batches))]
    missing = [(batch, file) for batch, file in zip(batches, files, strict=True) if not file.exists()]
    done = len(items) - sum(len(batch) for batch, _ in missing)
    futures = [client.submit(_save, file, function, batch, *arguments, pure=False) for batch, file in missing]
    try:
        with tqdm(total=len(items), initial=done, desc=f"propose {name}", unit="image") as progress:
            for future in as_completed(futures):
                progress.update(future.result())
    finally:
        client.cancel(futures)
    for file in files:
        with np.load(file) as arrays:
            yield dict(arrays)


def _save(file: Path, function: Callable[..., Arrays], batch: Sequence[WorkItem], *arguments: Any) -> int:
    """On a worker: compute a batch and commit its file by renaming it; returns how many images it has."""
    cv2.setNumThreads(1)
    with threadpool_limits(1):  # sums must not be cut differently on machines with more cores
        arrays = function(batch, *arguments)
    with committed(file) as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    return len(batch)


def _samples(batch: Sequence[WorkItem], settings: ProposalParameters, seed: int) -> Arrays:
    results = []
    for item in batch:
        instances = [masks.decode(i.segmentation) for i in item.instances]
        rng = np.random.default_rng([seed, item.image.id])
        results.append(sample(read_photograph(item.path, item.image), instances, _SAMPLE, settings, rng))
    features, overlaps = (np.concatenate(parts) for parts in zip(*results, strict=True))
    return {"features": features, "overlaps": overlaps}


def _proposals(batch: Sequence[WorkItem], ranker: Ranker, settings: ProposalParameters) -> Arrays:
    arrays: Arrays = {"count": np.array(len(batch))}
    for i, item in enumerate(batch):
        proposals = propose(read_photograph(item.path, item.image), ranker, settings)
        arrays |= {f"{column}{i}": getattr(proposals, column) for column in _COLUMNS}
    return arrays
