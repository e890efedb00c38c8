"""Applying a trained model: seconds to the first answer of a new process, and photographs per second."""

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.figures import Figure, Goal, Section
from benchmarks.measuring import in_new_process, interleaved
from benchmarks.sizes import Sizes
from hypercolumns import Parameters, Workspace, steps
from hypercolumns.detection.results import make_detection
from hypercolumns.memory import keep_freed_memory
from hypercolumns.segmenter.photographs import Photograph
from hypercolumns.segmenter.segmenter import Segmenter

SIZE = 500, 375
"""Width and height of the photographs."""

BOXES = 32
"""Given boxes of a photograph."""

FIRST_ANSWER = "import sys; from hypercolumns import Segmenter; Segmenter.open(sys.argv[1])(sys.argv[2])"
"""Program that is timed from the start to the end of its process."""


def figures(sizes: Sizes) -> Section:
    """Train models of all tasks on a few drawn scenes, and measure how they answer."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.at(folder)
        photographs: list[Path] = in_new_process(_train, workspace, sizes.segmented_photographs).result
        cold = interleaved({"first": partial(_first, workspace.bundle, photographs[0])}, sizes.repeats)["first"]
        own, given = in_new_process(_answer, workspace.bundle, photographs, sizes.repeats).result
    cores = os.cpu_count() or 1
    n = len(photographs)
    return Section(
        "Segmenter",
        f"Masks, keypoints and parts by one model with the default parameters (10 detections per photograph), for {n} "
        f"drawn scenes of {SIZE[0]} x {SIZE[1]} pixels. The first answer includes the start of Python and all imports, "
        "files in the page cache.",
        (
            Figure("From starting Python to the first answer", float(np.median(cold)), "s", "", Goal("at most", 8)),
            Figure(
                "Photographs with own detections, per second and core",
                n / float(np.median(own)) / cores,
                "1/s",
                "",
                Goal("at least", 0.8),
            ),
            Figure(
                "Given boxes, per second and core",
                n * BOXES / float(np.median(given)) / cores,
                "1/s",
                f"{BOXES} boxes in each photograph",
                Goal("at least", 35),
            ),
        ),
    )


def _train(workspace: Workspace, count: int) -> list[Path]:
    """Run the pipeline up to the bundle, and return the photographs of val."""
    width, height = SIZE
    puppets = {"train_images": max(24, count), "val_images": count, "width": width, "height": height}
    parameters = Parameters.model_validate({"dataset": {"puppets": puppets}})
    annotations = steps.prepare_annotations(parameters, workspace)["val"]
    steps.propose_regions(parameters, workspace)
    steps.train_detector(parameters, workspace)
    steps.train_rescorer(parameters, workspace)
    steps.extract_features(parameters, workspace, "train")
    for task in parameters.tasks:
        steps.train_task(parameters, workspace, task)
    steps.bundle_models(parameters, workspace)
    return [annotations.image_path(image).absolute() for image in annotations.images]


def _first(model: Path, photograph: Path) -> None:
    command = [sys.executable, "-c", FIRST_ANSWER, str(model), str(photograph)]
    subprocess.run(command, check=True)  # noqa: S603 - this interpreter


def _answer(model: Path, photographs: list[Path], repeats: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds for all photographs, one per repeat, with own detections and with given boxes."""
    keep_freed_memory()
    torch.set_num_threads(os.cpu_count() or 1)  # new processes begin with one, which would be one photograph at a time
    segmenter = Segmenter.open(model, device="cpu")
    items = [Photograph.of(path, number) for number, path in enumerate(photographs, 1)]
    rng = np.random.default_rng(0)
    boxed = [Photograph(item.image, item.source, _boxes(segmenter, item, rng)) for item in items]
    times = interleaved(
        {"own": lambda: list(segmenter.map(items)), "given": lambda: list(segmenter.map(boxed))}, repeats
    )
    return times["own"], times["given"]


def _boxes(segmenter: Segmenter, item: Photograph, rng: np.random.Generator) -> list:  # type: ignore[type-arg]
    ids = [category.id for category in segmenter.categories]
    corners = rng.uniform(0, 0.5, (BOXES, 2)) * SIZE
    sides = rng.uniform(0.2, 0.5, (BOXES, 2)) * SIZE
    return [
        make_detection(item.image.id, ids[i % len(ids)], [*corner, *(corner + side)], 1.0)
        for i, (corner, side) in enumerate(zip(corners, sides, strict=True))
    ]
