"""Feature store and model -> a task's answers: `data/predictions/<task>.json`, and the same on ground-truth boxes."""

from dataclasses import replace
from pathlib import Path

import click

from pipeline.annotations.model import AnnotationSet
from pipeline.annotations.results import write_results
from pipeline.cluster import connect
from pipeline.features.store import FeatureStore
from pipeline.grid.model import GridModel
from pipeline.parameters import Parameters
from pipeline.tasks.heat_maps import write_heat_maps
from pipeline.tasks.prediction import predict
from pipeline.tasks.registry import TASKS, create_task
from stages.common import stage
from stages.workers import IMPORTS


@stage
@click.option("--task", type=click.Choice(list(TASKS)), default="segmentation", help="What is predicted.")
@click.option("--features", default="data/features/val.zarr", type=click.Path(path_type=Path), help="Store read.")
@click.option("--annotations", default="data/annotations/val.json", type=click.Path(path_type=Path), help="File read.")
@click.option(
    "--proposals", default="data/proposals/val.zarr", type=click.Path(path_type=Path), help="For superpixels."
)
@click.option("--models", default="data/models", type=click.Path(path_type=Path), help="Folder read.")
@click.option("--out", default="data/predictions", type=click.Path(path_type=Path), help="Folder written.")
def main(
    params: Parameters, task: str, features: Path, annotations: Path, proposals: Path, models: Path, out: Path
) -> None:
    """Answer a task for all detections and, for diagnosis, for all ground-truth boxes."""
    model = GridModel.open(models / f"{task}.zarr")
    store = FeatureStore.open(features)
    definition = create_task(task, replace(AnnotationSet.load(annotations), instances=()), params)
    with connect(params.compute, IMPORTS["predict"]) as client:
        (found,) = predict(
            features, [model], definition, params.predict, client, proposals=proposals, keep_heat=("ground_truth",)
        )
    own = found["ground_truth"]
    write_results(found["detection"].results, out / f"{task}.json")
    write_results(own.results, out / f"{task}_ground_truth.json")
    instance_ids = store.regions["instance"].to_numpy()[own.rows]
    write_heat_maps(out / f"{task}_heat_maps.zarr", instance_ids, store.expanded_boxes[own.rows], own.heat)
    click.echo(
        f"{task}: {len(found['detection'].results)} answers for detections, {len(own.results)} for ground-truth boxes"
    )


if __name__ == "__main__":
    main()
