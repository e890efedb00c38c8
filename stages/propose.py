"""Find region candidates in every photograph, rank them, and measure how well they cover the objects."""

import json
import shutil
from pathlib import Path

import click
import cv2
import numpy as np

from pipeline import scratch
from pipeline.annotations.model import AnnotationSet
from pipeline.cluster import connect
from pipeline.evaluation.proposals import evaluate
from pipeline.parameters import Parameters
from pipeline.proposals.image_set import learn, work_items, write
from pipeline.proposals.store import SCHEMA, ProposalStore
from stages.common import stage
from stages.workers import IMPORTS

SPLITS = "train", "val"


@stage
@click.option("--annotations", default="data/annotations", type=click.Path(path_type=Path), help="Folder read.")
@click.option("--proposals", default="data/proposals", type=click.Path(path_type=Path), help="Folder written.")
@click.option("--metrics", default="metrics/proposals.json", type=click.Path(path_type=Path), help="File written.")
def main(params: Parameters, annotations: Path, proposals: Path, metrics: Path) -> None:
    """Propose regions for both splits; the ranking is learned from the train split."""
    sets = {split: AnnotationSet.load(annotations / f"{split}.json") for split in SPLITS}
    work = scratch.folder(_key(params, annotations, sets))
    with connect(params.compute, IMPORTS["propose"]) as client:
        ranker = learn(client, sets["train"], params.proposals, params.seed, work)
        written = {split: write(client, sets[split], ranker, params.proposals, split, work) for split in SPLITS}
    minimum = params.evaluate.proposals_minimum_area
    measured = {split: evaluate(sets[split], ProposalStore.open(written[split]), minimum) for split in SPLITS}
    for split, path in written.items():
        scratch.publish(path, proposals / f"{split}.zarr")
    metrics.parent.mkdir(parents=True, exist_ok=True)
    metrics.write_text(json.dumps(measured["val"] | {"train": measured["train"]}, indent=2) + "\n")
    shutil.rmtree(work)
    for split in SPLITS:
        click.echo(f"{split}: " + ", ".join(f"{name} {_text(value)}" for name, value in measured[split].items()))


def _key(params: Parameters, annotations: Path, sets: dict[str, AnnotationSet]) -> dict[str, object]:
    """What unfinished work depends on; photographs by size and time of change, since hashing all is slow."""
    files = {item.path for split in sets.values() for item in work_items(split)}
    states = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in sorted(files) if f.exists()]
    return {
        "stage": "propose",
        "schema": SCHEMA,
        "settings": params.proposals.model_dump(),
        "seed": params.seed,
        "annotations": {split: scratch.digest(annotations / f"{split}.json") for split in SPLITS},
        "photographs": states,
        "versions": [cv2.__version__, np.__version__],
    }


def _text(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
