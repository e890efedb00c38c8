"""The top layer alone and K = 1, for comparison with a task: `data/predictions/<task>_baselines/`."""

import shutil
from dataclasses import replace
from pathlib import Path

import click

from pipeline.annotations.model import AnnotationSet
from pipeline.annotations.results import write_results
from pipeline.cluster import connect
from pipeline.features.store import FeatureStore
from pipeline.grid.baselines import baseline_specs
from pipeline.grid.training import train_grids
from pipeline.parameters import Parameters
from pipeline.tasks.prediction import predict
from pipeline.tasks.registry import TASKS, create_task
from stages.common import stage
from stages.workers import IMPORTS


@stage
@click.option("--task", type=click.Choice(list(TASKS)), default="segmentation", help="What is compared.")
@click.option("--features", default="data/features", type=click.Path(path_type=Path), help="Folder of the stores.")
@click.option("--annotations", default="data/annotations", type=click.Path(path_type=Path), help="Folder read.")
@click.option(
    "--proposals", default="data/proposals/val.zarr", type=click.Path(path_type=Path), help="For superpixels."
)
@click.option("--out", default="data/predictions", type=click.Path(path_type=Path), help="Folder written.")
def main(params: Parameters, task: str, features: Path, annotations: Path, proposals: Path, out: Path) -> None:
    """Train the baselines of one task and answer with them, if its section asks for them."""
    truth = {split: AnnotationSet.load(annotations / f"{split}.json") for split in ("train", "val")}
    folder = out / f"{task}_baselines"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if not params.of_task(task).baselines:
        nothing = f"{task}: {task}.baselines is false, nothing is compared"
        (folder / "README").write_text(nothing + "\n")  # DVC warns of empty outputs
        click.echo(nothing)
        return
    train, val = features / "train.zarr", features / "val.zarr"
    specs = baseline_specs(FeatureStore.open(train).layers, params.ablate.grid)
    with connect(params.compute, IMPORTS["baselines"]) as client:
        models = train_grids(
            train,
            truth["train"].categories,
            create_task(task, truth["train"], params),
            list(specs.values()),
            params.train,
            params.seed,
            client,
            params.compute.device,
        )
        definition = create_task(task, replace(truth["val"], instances=()), params)
        predictions = predict(val, models, definition, params.predict, client, proposals=proposals)
    for name, found in zip(specs, predictions, strict=True):
        write_results(found["detection"].results, folder / f"{name}.json")
        write_results(found["ground_truth"].results, folder / f"{name}_ground_truth.json")
    click.echo(f"{task}: answers of {' and '.join(specs)}")


if __name__ == "__main__":
    main()
