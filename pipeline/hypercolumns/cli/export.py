"""`hypercolumns export`: write the grids of a task as a network for other programs."""

from pathlib import Path

import click

from hypercolumns.cli.applying import MODEL, WEIGHTS
from hypercolumns.cli.command import command


@command
@click.option("--task", required=True, help="Task whose grids are written: segmentation, keypoints or parts.")
@click.option("--format", "file_format", type=click.Choice(["onnx", "torch"]), default="onnx", help="Kind of file.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write.")
@MODEL
@click.option("--without-backbone", is_flag=True, help="Take the maps of the layers instead of warped crops.")
@WEIGHTS
def main(task: str, file_format: str, output: Path, model: Path, without_backbone: bool, weights: Path | None) -> None:
    """Write the trained grids of a task as one file.

    It runs without this package: from warped boxes to heat maps.
    """
    # Imported here so that `--help` does not wait for torch.
    from hypercolumns.bundle.bundle import Bundle
    from hypercolumns.export.files import export
    from hypercolumns.export.source import collect

    source = collect(Bundle.open(model, weights), task)
    inputs = export(source, output, file_format, backbone=not without_backbone)  # type: ignore[arg-type]
    size = f"{output.stat().st_size / 1e6:.1f} MB"
    click.echo(f"{output}: {', '.join(inputs)} -> heat maps of {', '.join(source.model.targets)}, {size}")
