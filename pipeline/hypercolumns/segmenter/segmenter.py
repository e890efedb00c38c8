"""Detects objects in a photograph and answers the tasks for them, with trained models from a bundle."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits
from torch import nn

from hypercolumns.annotations.model import AnnotationSet, Category, Image
from hypercolumns.annotations.results import Result
from hypercolumns.backbones import Backbone
from hypercolumns.backbones.engines import prepare
from hypercolumns.backbones.spatial import spatial
from hypercolumns.bundle.bundle import Bundle
from hypercolumns.definitions import create_task
from hypercolumns.detection.candidate_set import Describe, with_area
from hypercolumns.detection.crops import backbone_of_crops, describe_crops
from hypercolumns.detection.detector import best_boxes
from hypercolumns.detection.features import describe as describe_boxes
from hypercolumns.detection.rescoring import Shortlist
from hypercolumns.devices import choose_device
from hypercolumns.errors import InputError, choices
from hypercolumns.features import passes, schema
from hypercolumns.features.extraction import block_shapes
from hypercolumns.features.passes import Blocks
from hypercolumns.features.photograph_maps import photograph_maps
from hypercolumns.features.photograph_source import cut_blocks
from hypercolumns.features.region_source import warped_blocks
from hypercolumns.features.selection import detected_regions
from hypercolumns.features.streams import Streams
from hypercolumns.proposals import superpixels
from hypercolumns.proposals.generate import measure, rank
from hypercolumns.regions import boxes as geometry
from hypercolumns.segmenter.answers import Answers
from hypercolumns.segmenter.given_boxes import given_boxes
from hypercolumns.segmenter.photographs import Photograph
from hypercolumns.tasks.answering import Superpixels, answer_regions, score_regions
from hypercolumns.tasks.task import Task

REGIONS_AT_ONCE = schema.REGIONS_PER_PART
"""Regions whose blocks are in memory together."""


class Segmenter:
    """Answers all tasks of a trained model for new photographs.

    >>> from hypercolumns import Segmenter                                            # doctest: +SKIP
    >>> segmenter = Segmenter.open("data/model")                                      # doctest: +SKIP
    >>> answers = segmenter("photograph.jpg")                                         # doctest: +SKIP
    >>> answers.masks.shape                                    # (n, height, width)   # doctest: +SKIP

    On the CPU the answers are, to the byte, those that the pipeline's `predict` writes for the same boxes.

    Attributes
    ----------
    bundle
        The trained models.
    tasks
        Names of the tasks that are answered.
    minimum_score
        Lowest score of a box that is answered for.
    """

    def __init__(
        self, bundle: Bundle, tasks: Sequence[str] | None = None, device: str = "auto", minimum_score: float = 0.0
    ) -> None:
        known = bundle.manifest.tasks
        unknown = [task for task in tasks or () if task not in known]
        if unknown:
            raise InputError(f"The model has no task {unknown[0]!r}; it has {choices(known)}.")
        self.bundle = bundle
        self.tasks = tuple(task for task in known if not tasks or task in tasks)
        self.minimum_score = minimum_score
        self._device = choose_device(device)
        self._mode = bundle.manifest.regions.mode
        backbone = bundle.backbone.to(self._device)
        if self._mode == "image":
            self._shapes = block_shapes(backbone)
            tasks_network = prepare(spatial(backbone), self._device, "photographs")
        else:
            tasks_network = prepare(backbone, self._device, "crops")
        detector = backbone.with_taps(bundle.detection_taps) if bundle.detector else None
        crops = backbone_of_crops(detector, bundle.parameters.rescoring) if detector and bundle.rescorer else None
        self._networks = _Networks(
            tasks_network,
            detector and prepare(detector, self._device, "photographs"),
            crops and prepare(crops, self._device, "crops"),
        )

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        tasks: Sequence[str] | None = None,
        weights: Path | str | None = None,
        device: str = "auto",
        minimum_score: float = 0.0,
    ) -> "Segmenter":
        """Open a trained model.

        Parameters
        ----------
        path
            The folder `data/model` or the file `data/model.zip` that the stage `bundle` writes.
        tasks
            Tasks to answer; None for all that the model has.
        weights
            File with the weights of the network, if they are neither in a package nor where they were in training.
        device
            auto, cpu, cuda or mps.
        minimum_score
            Lowest score of a box that is answered for.

        Raises
        ------
        InputError
            If the model is missing, damaged or of another version, or lacks a task, or the weights are not its own.
        """
        return cls(Bundle.open(path, weights), tasks, device, minimum_score)

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories that the model knows."""
        return self.bundle.categories

    def __call__(
        self,
        photograph: NDArray[np.uint8] | Path | str,
        boxes: ArrayLike | None = None,
        categories: Sequence[str | int] | str | int | None = None,
        scores: ArrayLike | None = None,
    ) -> Answers:
        """Answer the tasks for a photograph.

        Parameters
        ----------
        photograph
            (height, width, 3) uint8 RGB, or a file, which is turned as its EXIF tag says.
        boxes
            (n, 4) x0, y0, x1, y1 in pixels; None: the model's detector finds them.
        categories
            Name or id of the category of each given box, or one for all. Not needed if the model has one category.
        scores
            (n,) scores of the given boxes; None: 1.

        Returns
        -------
        Answers
            n boxes with scores (n,), masks (n, height, width), heat maps (n, target, size, size) by task, and COCO
            results. Given boxes are sorted by falling score, too; equal ones keep their order.

        Raises
        ------
        InputError
            If the photograph cannot be read, or boxes or categories are unusable.
        """
        item = Photograph.of(photograph)
        if boxes is not None:
            given = given_boxes(item.image, boxes, categories, scores, self.categories)
            item = replace(item, boxes=given)
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(1)
            with _one_core(), torch.inference_mode():
                return self._answer(self._networks, item)
        finally:
            torch.set_num_threads(threads)

    def map(self, photographs: Iterable[Photograph]) -> Iterator[Answers | InputError]:
        """Answer for several photographs side by side, each on one core, in order.

        A photograph that cannot be read gives the error in place of answers. Items are taken a few ahead.
        """

        def answer(networks: _Networks, item: Photograph) -> Answers | InputError:
            try:
                return self._answer(networks, item)
            except InputError as error:
                return error

        # The streams first: they are as many as the threads that `_one_core` takes away.
        with Streams(self._networks, self._device) as streams, _one_core():
            yield from streams.map(answer, photographs)

    def _answer(self, networks: "_Networks", item: Photograph) -> Answers:
        image = item.image
        pixels = item.read()
        found, superpixels_of = self._find_boxes(networks, image, pixels, item.boxes)
        regions = detected_regions([box for box in found if box["score"] >= self.minimum_score])
        expanded = geometry.expand(regions[schema.BOX].to_numpy(), self.bundle.manifest.regions.expansion)
        annotations = AnnotationSet((), self.categories, (), "")
        tasks = [create_task(name, annotations, self.bundle.parameters) for name in self.tasks]
        results: dict[str, list[Any]] = {name: [] for name in self.tasks}
        heat: dict[str, list[NDArray[np.float32]]] = {name: [] for name in self.tasks}
        for part, blocks in self._blocks(networks.tasks, pixels, expanded):
            for task in tasks:
                scored = self._score(task, regions.iloc[part], blocks)
                heat[task.name].append(scored)
                of_part = regions.iloc[part], expanded[part], {image.id: image}
                results[task.name] += answer_regions(task, scored, *of_part, superpixels_of)
        return self._collect(image, pixels, regions, expanded, tasks, results, heat)

    def _find_boxes(
        self, networks: "_Networks", image: Image, pixels: NDArray[np.uint8], given: Sequence[Result] | None
    ) -> tuple[Sequence[Result], Superpixels]:
        """Boxes as COCO results, and a function that gives the superpixels of the photograph."""
        parameters = self.bundle.parameters
        if given is not None:
            return given, cache(lambda _: superpixels.segment(pixels, parameters.proposals))
        detector, settings = self.bundle.detector, parameters.detection
        if detector is None or networks.detector is None:
            raise InputError(
                f"The model has no detector, since it was trained with detection.source: {settings.source}; give boxes."
            )
        proposals = rank(measure(pixels, parameters.proposals), self.bundle.ranker, parameters.proposals)
        backbone, candidates = networks.detector, with_area(proposals.boxes)
        maps = passes.to_host(photograph_maps(backbone, pixels, settings.short_side, self._device), backbone)
        describe = partial(describe_boxes, maps, image, settings=settings)
        scored = detector.score(describe, candidates, image)
        if networks.crops is None:
            found = best_boxes(image.id, *scored, detector.categories, settings)
        else:
            shortlist = Shortlist.of(*scored, parameters.rescoring)
            found = self._rescore(networks.crops, shortlist, describe, image, pixels)
        return found, lambda _: proposals.superpixels

    def _rescore(
        self, backbone: Backbone, shortlist: Shortlist, describe: Describe, image: Image, pixels: NDArray[np.uint8]
    ) -> list[Result]:
        """Detect objects among the boxes of a shortlist, each of which passes the network alone."""
        rescorer, parameters = self.bundle.rescorer, self.bundle.parameters
        boxes = shortlist.boxes
        if rescorer is None or not len(boxes):
            return []
        expanded = geometry.expand(boxes, parameters.rescoring.expansion)
        parts = [describe_crops(blocks) for _, blocks in self._warped(backbone, pixels, expanded)]
        return shortlist.detect(describe, np.concatenate(parts), rescorer, image, parameters.detection)

    def _blocks(
        self, backbone: Backbone, pixels: NDArray[np.uint8], expanded: NDArray[np.float64]
    ) -> Iterator[tuple[slice, Blocks]]:
        """Yield the blocks of expanded boxes (n, 4) in a photograph, some at a time."""
        if not len(expanded):
            return
        if self._mode == "image":
            maps = photograph_maps(backbone, pixels, self.bundle.parameters.regions.short_side, self._device)
            yield from cut_blocks(backbone, maps, pixels, expanded, self._shapes)
            return
        yield from self._warped(backbone, pixels, expanded)

    def _warped(
        self, backbone: Backbone, pixels: NDArray[np.uint8], expanded: NDArray[np.float64]
    ) -> Iterator[tuple[slice, Blocks]]:
        """Yield the blocks of expanded boxes (n, 4), each of which passes the network alone, some at a time."""
        for first in range(0, len(expanded), REGIONS_AT_ONCE):
            part = slice(first, first + REGIONS_AT_ONCE)
            boxes = expanded[part]
            yield part, warped_blocks(backbone, [pixels] * len(boxes), boxes, self._device)

    def _score(self, task: Task, regions: pd.DataFrame, blocks: Blocks) -> NDArray[np.float32]:
        categories = regions["category"].to_numpy()
        return score_regions(self.bundle.grids[task.name], task, self.bundle.parameters.predict, categories, blocks)

    def _collect(
        self,
        image: Image,
        pixels: NDArray[np.uint8],
        regions: pd.DataFrame,
        expanded: NDArray[np.float64],
        tasks: Sequence[Task],
        results: dict[str, list[Any]],
        heat: dict[str, list[NDArray[np.float32]]],
    ) -> Answers:
        """Put everything in the order of falling scores."""
        order = np.argsort(-regions["score"].to_numpy(), kind="stable")
        names = {category.id: category.name for category in self.categories}
        categories = regions["category"].to_numpy()[order]
        sizes = {task: (len(m.targets), m.heat_map, m.heat_map) for task, m in self.bundle.grids.items()}
        return Answers(
            image=image,
            photograph=pixels,
            boxes=regions[schema.BOX].to_numpy()[order],
            scores=regions["score"].to_numpy()[order],
            categories=categories,
            names=tuple(names[int(category)] for category in categories),
            results={task: [of_task[i] for i in order] for task, of_task in results.items()},
            heat={
                task: np.concatenate([np.empty((0, *sizes[task]), np.float32), *parts])[order]
                for task, parts in heat.items()
            },
            targets={task.name: tuple(task.targets) for task in tasks},
            expanded_boxes=expanded[order],
        )


class _Networks(nn.Module):
    """The networks of a model: what the grids, the detector, if any, and its second step, if any, see."""

    def __init__(self, tasks: Backbone, detector: Backbone | None, crops: Backbone | None) -> None:
        super().__init__()
        self.tasks, self.detector, self.crops = tasks, detector, crops


@contextmanager
def _one_core() -> Iterator[None]:
    """Let each call of numeric libraries use one core: sums that cores share are rounded differently."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        cv2.setNumThreads(threads)
