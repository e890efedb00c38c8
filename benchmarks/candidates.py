"""Our proposals beside OpenCV's selective search: `python -m benchmarks.candidates`, in a folder where `propose` ran.

`make bench` does not measure it, because it has no photographs. Selective search (Uijlings et al., 2013) gives boxes
without masks, in its own order.
"""

import time
from collections.abc import Callable, Sequence

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet, Image, Instance
from hypercolumns.annotations.photographs.of_images import Photographs
from hypercolumns.evaluation.detections import counted_instances
from hypercolumns.parameters import Parameters
from hypercolumns.proposals.generate import propose
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.regions.boxes import iou
from hypercolumns.workspace import Workspace

BUDGETS = 100, 200, 500, 1000, 2000
OVERLAPS = 0.5, 0.6, 0.7, 0.8

Boxes = NDArray[np.floating]
Proposer = Callable[[NDArray[np.uint8]], Boxes]
"""Boxes (n, 4) x0, y0, x1, y1 in an RGB photograph (height, width, 3), best first."""


def selective_search(photograph: NDArray[np.uint8], quality: bool) -> Boxes:
    """Boxes of OpenCV's selective search, with the settings of the paper's fast or quality version."""
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(np.ascontiguousarray(photograph[:, :, ::-1]))
    if quality:
        search.switchToSelectiveSearchQuality()
    else:
        search.switchToSelectiveSearchFast()
    found = np.array(search.process(), dtype=np.float64)
    return np.concatenate([found[:, :2], found[:, :2] + found[:, 2:]], axis=1)


def best_overlaps(boxes: Boxes, instances: Sequence[Instance]) -> NDArray[np.float64]:
    """Best box IoU of each instance within every budget: (budget, instance)."""
    overlaps = iou(boxes, [instance.box for instance in instances])
    return np.stack([overlaps[:budget].max(axis=0, initial=0) for budget in BUDGETS])


def measure(
    name: str, proposer: Proposer, annotations: AnnotationSet, images: Sequence[Image], minimum_area: int
) -> str:
    """Rows of the table for one way to propose boxes."""
    counted = counted_instances(annotations, minimum_area)
    overlaps, seconds, counts = [], 0.0, []
    for image in images:
        photograph = Photographs.of(annotations).read(image.id)
        start = time.process_time()
        boxes = proposer(photograph)
        seconds += time.process_time() - start
        counts.append(len(boxes))
        if instances := [instance for instance in counted if instance.image_id == image.id]:
            overlaps.append(best_overlaps(boxes, instances))
    best = np.concatenate(overlaps, axis=1)
    cost = f"{seconds / len(images):.2f} s"
    rows = []
    for budget, of_budget in zip(BUDGETS, best, strict=True):
        recalls = " | ".join(f"{(of_budget >= overlap).mean():.3f}" for overlap in OVERLAPS)
        rows.append(f"| {name} | {budget} | {recalls} | {cost} |")
    click.echo(f"{name}: {np.mean(counts):.0f} boxes per photograph, {best.shape[1]} instances", err=True)
    return "\n".join(rows)


@click.command()
@click.option("--photographs", default=40, show_default=True, help="Photographs of val, evenly spaced.")
def main(photographs: int) -> None:
    """Print the recall of boxes by budget, and the seconds of processor time per photograph."""
    cv2.setNumThreads(1)
    parameters, workspace = Parameters.load("params.yaml"), Workspace.at(".")
    annotations = AnnotationSet.load(workspace.annotations("val"))
    ranker = ProposalStore.open(workspace.proposals("val")).ranker
    count = min(photographs, len(annotations.images))
    images = [annotations.images[i] for i in np.linspace(0, len(annotations.images) - 1, count).astype(int)]
    proposers: dict[str, Proposer] = {
        "ours": lambda photograph: propose(photograph, ranker, parameters.proposals).boxes,
        "selective search, fast": lambda photograph: selective_search(photograph, quality=False),
        "selective search, quality": lambda photograph: selective_search(photograph, quality=True),
    }
    titles = " | ".join(f"recall {overlap:g}" for overlap in OVERLAPS)
    click.echo(f"| | boxes | {titles} | time |\n|---|---|{'---|' * (len(OVERLAPS) + 1)}")
    for name, proposer in proposers.items():
        click.echo(measure(name, proposer, annotations, images, parameters.evaluate.proposals_minimum_area))


if __name__ == "__main__":
    main()
