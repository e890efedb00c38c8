"""Accuracy of both solvers on photographs, beside their speed: `python -m benchmarks.accuracy DATA_SET`.

`make bench` does not measure it, because it has no photographs: the command records what a run of the pipeline left in
`metrics/`.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from benchmarks.figures import Figure, Section
from hypercolumns.parameters import Parameters

FILE = Path(__file__).with_name("accuracy.json")
"""The recorded rows."""

COMMAND = (
    "hypercolumns params --recipe recipes/photographs_voc.yaml > params.yaml && dvc exp run -S dataset.root=ROOT -S "
    'train.sharing=auto -S train.solver={solver} && python -m benchmarks.accuracy "VOC layout"'
)
SOLVERS = ("exact", "sgd")


@dataclass(frozen=True)
class Measured:
    """Accuracy of masks, in ground-truth boxes and in detections, in one run of the pipeline."""

    data_set: str
    solver: str
    settings: str
    mean_iou: float
    """Mean IoU of masks in ground-truth boxes, 0 to 1."""
    iou_50: float
    """Share of these masks whose IoU exceeds .5."""
    iou_70: float
    """Share of these masks whose IoU exceeds .7."""
    ap_r_50: float
    """AP^r of detections at IoU .5, in points."""
    ap_r_70: float
    """AP^r of detections at IoU .7, in points."""


def read(path: Path = FILE) -> tuple[Measured, ...]:
    """Read all recorded rows."""
    return tuple(Measured(**entry) for entry in json.loads(path.read_text()))


def record(measured: Measured, path: Path = FILE) -> None:
    """Record a row; an earlier one of the same data set and solver is replaced."""
    others = [m for m in read(path) if (m.data_set, m.solver) != (measured.data_set, measured.solver)]
    entries = sorted((asdict(m) for m in (*others, measured)), key=lambda entry: (entry["data_set"], entry["solver"]))
    path.write_text(json.dumps(entries, indent=1) + "\n")


def section(path: Path = FILE) -> Section:
    """Make the section: a figure per data set and solver, and a sentence for every solver without one."""
    rows = read(path)
    missing = tuple(
        f"{solver}: `{COMMAND.format(solver=solver)}` measures it and adds it here."
        for solver in SOLVERS
        if solver not in {measured.solver for measured in rows}
    )
    return Section(
        "Accuracy",
        "Masks of both solvers on photographs. VOC layout is that of results.md; ROOT is the folder of the "
        "photographs. `make bench` does not measure these. The command for a row is "
        f"`{COMMAND.format(solver='SOLVER')}`.",
        tuple(_figure(measured) for measured in rows),
        missing,
    )


def _figure(measured: Measured) -> Figure:
    return Figure(
        f"{measured.data_set}, {measured.solver}: mean IoU in ground-truth boxes",
        measured.mean_iou,
        "",
        f"above .5 {measured.iou_50:.3f}, above .7 {measured.iou_70:.3f}; detections: AP^r .5 {measured.ap_r_50:.1f}, "
        f".7 {measured.ap_r_70:.1f}; {measured.settings}",
    )


@click.command()
@click.argument("data_set")
@click.option("--params", type=click.Path(path_type=Path, exists=True), default="params.yaml", show_default=True)
@click.option(
    "--metrics",
    type=click.Path(path_type=Path, exists=True),
    default="metrics/segmentation_summary.json",
    show_default=True,
)
def main(data_set: str, params: Path, metrics: Path) -> None:
    """Record the accuracy of the last run of the pipeline, for the table in benchmarks.md."""
    parameters, scores = Parameters.load(params), json.loads(metrics.read_text())
    train = parameters.train
    settings = f"{len(parameters.backbone.layers)} layers, K = {train.grid}, alpha = {train.alpha:g}"
    names = ("mean_iou", "iou_50", "iou_70", "ap_r_50", "ap_r_70")
    record(Measured(data_set, train.solver, settings, **{name: scores[name] for name in names}))
    click.echo(f"{FILE}: {data_set}, {train.solver}; `python -m benchmarks.pages` writes the page.")


if __name__ == "__main__":
    main()
