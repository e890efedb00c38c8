"""`hypercolumns results`: write results in the formats of other programs."""

from pathlib import Path
from typing import Literal

import click

from hypercolumns.cli.command import command

_FORMATS = ("coco-dataset", "voc", "parquet", "yolo", "labelme")


@command
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--to", required=True, metavar=f"[{'|'.join(_FORMATS)}]", help="The format to write.")
@click.option(
    "--annotations",
    type=click.Path(path_type=Path),
    help="COCO file with the photographs and categories of the results.  [default: photographs.json of the folder that "
    "`segment` wrote, or else data/annotations/val.json]",
)
@click.option("--score", default=0.5, type=float, help="Lowest score that is written.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The folder or file to write.")
@click.option(
    "--masks",
    default="polygons",
    type=click.Choice(["polygons", "rle"]),
    help="coco-dataset: polygons, which all tools import, or run-length codes, which keep every pixel.",
)
@click.option(
    "--tolerance",
    default=0.5,
    type=click.FloatRange(0, 100),
    help="Pixels by which polygons may leave the outline of a mask; 0 covers its pixels exactly, with many corners.",
)
@click.option("--keypoint-score", default=0.0, type=float, help="Keypoints below it are written as not labelled.")
@click.option(
    "--photographs",
    type=click.Path(path_type=Path),
    help="Folder of the photographs, to copy them too.  [default: they are not copied]",
)
def main(
    results: Path,
    to: str,
    annotations: Path | None,
    score: float,
    out: Path,
    masks: Literal["polygons", "rle"],
    tolerance: float,
    keypoint_score: float,
    photographs: Path | None,
) -> None:
    """Write results in the formats of other programs.

    RESULTS is a file of COCO results, such as data/predictions/segmentation.json.

    \b
    coco-dataset  a COCO file (-o NAME.json), or a folder in CVAT's layout
    voc           a folder in the layout of PASCAL VOC
    parquet       a table with a row per result (-o NAME.parquet)
    yolo          labels of Ultralytics YOLO, to train segmentation or pose
    labelme       a JSON file per photograph

    An OUT that exists is refused, unless it is an empty folder.
    """  # noqa: D301
    # Imported here so that `--help` does not wait for NumPy.
    from hypercolumns.results.formats import convert_results
    from hypercolumns.results.options import Options

    if annotations is None:
        segmented = results.parent.parent / "photographs.json"
        annotations = segmented if segmented.is_file() else Path("data/annotations/val.json")
    options = Options(masks, tolerance, keypoint_score, photographs)
    convert_results(results, annotations, out, to, minimum_score=score, options=options)
