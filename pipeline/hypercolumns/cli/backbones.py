"""`hypercolumns backbones`: compare networks and layers on the data set of a project."""

from dataclasses import replace
from pathlib import Path

import click

from hypercolumns.cli.command import command


@command
@click.argument("networks", type=click.Path(path_type=Path))
@click.option("--params", default="params.yaml", type=click.Path(path_type=Path), help="Parameter file.")
@click.option("-o", "--out", default="backbones", type=click.Path(path_type=Path), help="Folder to write.")
def main(networks: Path, params: Path, out: Path) -> None:
    """Compare networks and layers by accuracy, bytes and time.

    Accuracy is that of masks in ground-truth boxes. NETWORKS is a YAML file with a section as `backbone` in params.yaml
    for each name of your choice; layers that are left out are those that `hypercolumns layers` suggests:

    \b
    Lite0: {name: efficientnet_lite0}
    Lite0, two layers: {name: efficientnet_lite0, layers: [stage4, pooled]}
    ResNet-50: {name: timm:resnet50}

    Everything else is as in the parameter file. OUT gets table.md, table.csv and chart.svg, and the folder work, which
    is no longer needed when the command has ended. After an interruption the same command goes on where it was.
    """  # noqa: D301
    # Imported here so that `--help` does not wait for torch.
    from hypercolumns.memory import keep_freed_memory
    from hypercolumns.parameters import Parameters
    from hypercolumns.parameters.yaml_file import read_yaml
    from hypercolumns.steps import compare_backbones
    from hypercolumns.steps.compared_networks import read_networks
    from hypercolumns.workspace import Workspace

    keep_freed_memory()
    parameters = Parameters.load(params)
    chosen = read_networks(read_yaml(networks), parameters, str(networks))
    compare_backbones(parameters, replace(Workspace.at(out / "work"), reports=out), chosen)
    click.echo((out / "table.md").read_text(encoding="utf-8"), nl=False)
