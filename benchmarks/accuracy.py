"""How well both solvers do on photographs, kept beside how fast they are: `python -m benchmarks.accuracy DATA_SET`.

Not measured by `make bench`, which has no photographs: the command keeps what a run of the pipeline left in `metrics/`.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from benchmarks.figures import Figure, Section
from hypercolumns.parameters import Parameters

KEPT = Path(__file__).with_name("accuracy.json")

COMMAND = (
    "cp recipes/photographs_voc.yaml params.yaml && dvc exp run -S dataset.root=ROOT -S train.solver={solver} && "
    'python -m benchmarks.accuracy "VOC layout"'
)
SOLVERS = ("exact", "sgd")


@dataclass(frozen=True)
class Measured:
    """Masks in ground-truth boxes and in detections, as one run of the pipeline has them."""

    data_set: str
    solver: str
    settings: str
    mean_iou: float
    """Of the masks in ground-truth boxes, 0 to 1; so are the next two."""
    iou_50: float
    iou_70: float
    ap_r_50: float
    """Of detections, in points."""
    ap_r_70: float


def read(path: Path = KEPT) -> tuple[Measured, ...]:
    """All that is kept."""
    return tuple(Measured(**entry) for entry in json.loads(path.read_text()))


def keep(measured: Measured, path: Path = KEPT) -> None:
    """In place of what the same solver reached on the same data set before."""
    others = [m for m in read(path) if (m.data_set, m.solver) != (measured.data_set, measured.solver)]
    entries = sorted((asdict(m) for m in (*others, measured)), key=lambda entry: (entry["data_set"], entry["solver"]))
    path.write_text(json.dumps(entries, indent=1) + "\n")


def section(path: Path = KEPT) -> Section:
    """A row per data set and solver, and a sentence for every solver without one."""
    kept = read(path)
    missing = tuple(
        f"{solver}: `{COMMAND.format(solver=solver)}` measures it and brings it here."
        for solver in SOLVERS
        if solver not in {measured.solver for measured in kept}
    )
    return Section(
        "Accuracy",
        "Masks of both solvers on photographs; VOC layout is the one of results.md, where ROOT is the folder of the "
        "photographs. `make bench` does not measure these: every row is kept by the command "
        f"`{COMMAND.format(solver='SOLVER')}`.",
        tuple(_figure(measured) for measured in kept),
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
    """Keep what the last run of the pipeline reached, for the table of benchmarks.md."""
    parameters, found = Parameters.load(params), json.loads(metrics.read_text())
    train = parameters.train
    settings = f"{len(parameters.backbone.layers)} layers, K = {train.grid}, alpha = {train.alpha:g}"
    names = ("mean_iou", "iou_50", "iou_70", "ap_r_50", "ap_r_70")
    keep(Measured(data_set, train.solver, settings, **{name: found[name] for name in names}))
    click.echo(f"{KEPT}: {data_set}, {train.solver}; `python -m benchmarks.pages` writes the page.")


if __name__ == "__main__":
    main()
