"""Layers x K on the cached stores, evaluated on ground-truth boxes: `metrics/ablation.json`."""

import json
from dataclasses import replace
from pathlib import Path

import click

from pipeline.annotations.model import AnnotationSet
from pipeline.cluster import connect
from pipeline.evaluation.segmentation import ground_truth_box_metrics
from pipeline.features.store import FeatureStore
from pipeline.grid.ablation import ablation_specs
from pipeline.grid.training import train_grids
from pipeline.parameters import Parameters
from pipeline.tasks.prediction import predict
from pipeline.tasks.segmentation import SegmentationTask
from stages.common import stage
from stages.workers import IMPORTS


@stage
@click.option("--features", default="data/features", type=click.Path(path_type=Path), help="Folder of the stores.")
@click.option("--annotations", default="data/annotations", type=click.Path(path_type=Path), help="Folder read.")
@click.option(
    "--proposals", default="data/proposals/val.zarr", type=click.Path(path_type=Path), help="For superpixels."
)
@click.option("--out", default="metrics/ablation.json", type=click.Path(path_type=Path), help="File written.")
def main(params: Parameters, features: Path, annotations: Path, proposals: Path, out: Path) -> None:
    """Train and evaluate every layer alone, all but one, and all with several K."""
    truth = {split: AnnotationSet.load(annotations / f"{split}.json") for split in ("train", "val")}
    train, val = features / "train.zarr", features / "val.zarr"
    task = SegmentationTask(replace(truth["val"], instances=()), params.predict)
    specs = ablation_specs(FeatureStore.open(train).layers, params.ablate.grid, params.ablate.grids)
    with connect(params.compute, IMPORTS["ablate"]) as client:
        models = train_grids(
            train,
            truth["train"].categories,
            SegmentationTask(truth["train"], params.predict),
            list(specs.values()),
            params.train,
            params.seed,
            client,
            params.compute.device,
        )
        kinds = ("ground_truth",)
        predictions = predict(val, models, task, params.predict, client, kinds=kinds, proposals=proposals)
    rows = []
    for (name, spec), prediction in zip(specs.items(), predictions, strict=True):
        scores = ground_truth_box_metrics(truth["val"], prediction["ground_truth"].results, params.evaluate)
        rows.append({"name": name, "blocks": list(spec.layers), "grid": spec.grid, **scores})
        click.echo(f"{name:32} mean IoU {scores['mean_iou']:.3f}  above .7 {scores['iou_70']:.3f}")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
