"""Feature store and model -> a task's answers: `data/predictions/<task>.json`, and the same on ground-truth boxes."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from pipeline.annotations.model import AnnotationSet
from pipeline.annotations.results import write_results
from pipeline.cluster import connect
from pipeline.features.store import FeatureStore
from pipeline.grid.model import GridModel
from pipeline.parameters import Parameters
from pipeline.tasks.prediction import Prediction, predict
from pipeline.tasks.registry import TASKS
from stages.common import stage


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
    model = models / f"{task}.zarr"
    GridModel.open(model)  # so that a missing model is said before the workers start
    store = FeatureStore.open(features)
    images = replace(AnnotationSet.load(annotations), instances=())
    definition = TASKS[task](images, params)
    with connect(params.compute) as client:
        regions = partial(predict, features, [model], definition, params.predict, client, proposals=proposals)
        (found,) = regions(kinds=("detection",))
        (given,) = regions(kinds=("ground_truth",), keep_heat=True)
    write_results(found.results, out / f"{task}.json")
    write_results(given.results, out / f"{task}_ground_truth.json")
    _write_heat_maps(out / f"{task}_heat_maps.zarr", store, given)
    click.echo(f"{task}: {len(found.results)} answers for detections, {len(given.results)} for ground-truth boxes")


def _write_heat_maps(path: Path, store: FeatureStore, prediction: Prediction) -> None:
    """Heat maps of the ground-truth boxes as bytes (255 is certain), for the report."""
    root = zarr.create_group(path, overwrite=True)
    heat = np.round(prediction.heat * 255).astype(np.uint8)
    columns = {
        "instance_id": store.regions["instance"].to_numpy()[prediction.rows],
        "box": store.expanded_boxes[prediction.rows].astype(np.float32),
        "heat": heat,
    }
    for name, values in columns.items():
        root.create_array(name, data=values, chunks=values.shape, compressors=ZstdCodec(level=1))


if __name__ == "__main__":
    main()
