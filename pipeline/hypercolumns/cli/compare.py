"""`hypercolumns compare`: the difference between two results files, and its standard error."""

from pathlib import Path

import click

from hypercolumns.cli.command import command


@command
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option(
    "--annotations",
    default="data/annotations/val.json",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Annotations of the photographs, as `prepare` writes them.",
)
@click.option("--params", default="params.yaml", show_default=True, type=click.Path(path_type=Path), help="Parameters.")
def main(first: Path, second: Path, annotations: Path, params: Path) -> None:
    """Compare two files of results on the same photographs.

    The difference comes with its standard error.

    FIRST and SECOND are files of one kind from two runs, such as data/predictions/segmentation.json (AP^r, box AP),
    data/detections/val.json (box AP) or data/predictions/segmentation_ground_truth.json (mask IoU in the boxes of
    instances).
    """
    # Imported here so that `--help` does not wait for NumPy.
    from hypercolumns.annotations.model import AnnotationSet
    from hypercolumns.evaluation.comparison import compare
    from hypercolumns.parameters import Parameters

    click.echo(compare(AnnotationSet.load(annotations), first, second, Parameters.load(params).evaluate))
