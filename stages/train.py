"""Feature store -> K x K grids of classifiers: `data/models/<task>.zarr`."""

from pathlib import Path

import click

from pipeline.annotations.model import AnnotationSet
from pipeline.cluster import connect
from pipeline.features.store import FeatureStore
from pipeline.grid.spec import GridSpec
from pipeline.grid.training import train_grids
from pipeline.parameters import Parameters
from pipeline.tasks.registry import TASKS, create_task
from stages.common import stage
from stages.workers import IMPORTS


@stage
@click.option("--task", type=click.Choice(list(TASKS)), default="segmentation", help="What is trained.")
@click.option("--features", default="data/features/train.zarr", type=click.Path(path_type=Path), help="Store read.")
@click.option(
    "--annotations", default="data/annotations/train.json", type=click.Path(path_type=Path), help="File read."
)
@click.option("--out", default="data/models", type=click.Path(path_type=Path), help="Folder written.")
def main(params: Parameters, task: str, features: Path, annotations: Path, out: Path) -> None:
    """Train the grids of one task on all layers of the store."""
    truth = AnnotationSet.load(annotations)
    layers = FeatureStore.open(features).layers
    with connect(params.compute, IMPORTS["train"]) as client:
        (model,) = train_grids(
            features,
            truth.categories,
            create_task(task, truth, params),
            [GridSpec(layers, params.train.grid)],
            params.train,
            params.seed,
            client,
            params.compute.device,
        )
    model.save(out / f"{task}.zarr")
    click.echo(
        f"{model.spec.grid} x {model.spec.grid} classifiers of {len(model.targets)} targets for "
        f"{', '.join(model.groups)} on {', '.join(layers)}"
    )


if __name__ == "__main__":
    main()
