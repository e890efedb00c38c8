"""`hypercolumns export`: write the grids of a task as a network for other programs."""

from pathlib import Path

import click

from hypercolumns.cli.command import command


@command
@click.option("--task", required=True, help="Task whose grids are written: segmentation, keypoints or parts.")
@click.option("--format", "file_format", type=click.Choice(["onnx", "torch"]), default="onnx", help="Kind of file.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write.")
@click.option("--model", type=click.Path(path_type=Path), help="Trained grids. [default: data/models/TASK.zarr]")
@click.option("--without-backbone", is_flag=True, help="Take the maps of the layers instead of warped crops.")
@click.option("--params", default="params.yaml", type=click.Path(path_type=Path), help="Parameter file.")
def main(task: str, file_format: str, output: Path, model: Path | None, without_backbone: bool, params: Path) -> None:
    """Write the trained grids of a task as one file that runs without this package: from warped boxes to heat maps."""
    # Imported here so that `--help` does not wait for torch.
    from hypercolumns.export.files import export
    from hypercolumns.export.source import collect
    from hypercolumns.parameters import Parameters
    from hypercolumns.workspace import Workspace

    source = collect(Parameters.load(params), Workspace(), task, model)
    inputs = export(source, output, file_format, backbone=not without_backbone)  # type: ignore[arg-type]
    size = f"{output.stat().st_size / 1e6:.1f} MB"
    click.echo(f"{output}: {', '.join(inputs)} -> heat maps of {', '.join(source.model.targets)}, {size}")
