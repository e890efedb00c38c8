"""Score candidates of val per category, or take detections from outside: `data/detections/val.json`."""

from functools import lru_cache, partial
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from pipeline import backbones, scratch
from pipeline.annotations.model import AnnotationSet
from pipeline.annotations.results import Result, write_results
from pipeline.detection import results, run
from pipeline.devices import choose_device
from pipeline.evaluation.detections import box_overlaps, match_categories, mean_average_precision, overlaps_of
from pipeline.parameters import Parameters
from pipeline.proposals.store import ProposalStore
from stages.common import stage

SPLITS = ("train", "val")


@stage
@click.option("--annotations", default="data/annotations", type=click.Path(path_type=Path), help="Folder read.")
@click.option("--proposals", default="data/proposals", type=click.Path(path_type=Path), help="Folder read.")
@click.option("--out", default="data/detections/val.json", type=click.Path(path_type=Path), help="File written.")
def main(params: Parameters, annotations: Path, proposals: Path, out: Path) -> None:
    """Detect objects in val; the detector learns from train."""
    sets = {split: AnnotationSet.load(annotations / f"{split}.json") for split in SPLITS}
    found = _detections(params, sets, proposals)
    write_results(found, out)
    click.echo(_summary(params, sets["val"], found))


def _detections(params: Parameters, sets: dict[str, AnnotationSet], proposals: Path) -> list[Result]:
    settings = params.detection
    if settings.source == "ground_truth":
        return results.ground_truth(sets["val"])
    if settings.source == "file":
        return results.from_file(Path(settings.file), sets["val"], settings.max_per_image)
    # Training asks for an image's boxes several times in a row.
    stores = {split: ProposalStore.open(proposals / f"{split}.zarr") for split in SPLITS}
    return run.run(
        sets,
        {split: lru_cache(maxsize=1)(partial(_boxes, store)) for split, store in stores.items()},
        _backbone(params),
        settings,
        choose_device(params.compute.device),
        params.seed,
        scratch.ROOT,
    )


def _backbone(params: Parameters) -> backbones.Backbone:
    """The pipeline's network with the layers that describe regions."""
    settings = params.backbone.model_copy(update={"layers": params.detection.layers})
    return backbones.create(settings, params.seed, "detection.layers")


def _boxes(store: ProposalStore, image_id: int) -> NDArray[np.float32]:
    return store[image_id].boxes


def _summary(params: Parameters, annotations: AnnotationSet, found: list[Result]) -> str:
    """How many detections there are on val, and how good their boxes are."""
    overlaps = overlaps_of(annotations, found, box_overlaps)
    matches = match_categories(annotations, found, overlaps, np.array([0.5]), params.evaluate.matching)
    mean = mean_average_precision(matches, 0)
    quality = "no instance counts" if mean is None else f"box AP .5 {100 * mean:.1f}"
    return f"val: {len(found)} detections in {len(annotations.images)} images; {quality}"


if __name__ == "__main__":
    main()
