"""`hypercolumns params`: print a complete parameter file."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path

import click

from hypercolumns.cli.command import command
from hypercolumns.parameters import Parameters
from hypercolumns.parameters.text import HEADER, as_yaml, leading_comment


@command
@click.option(
    "--recipe",
    type=click.Path(path_type=Path),
    help="File with the values that differ from the defaults; the comment at its top is kept.",
)
def main(recipe: Path | None) -> None:
    """Print all parameters with comments: the defaults, or the values of a recipe."""
    parameters = Parameters.load(recipe) if recipe else Parameters()
    comment = leading_comment(_text(recipe)) if recipe else ""
    click.echo(as_yaml(parameters, comment or HEADER), nl=False)


def _text(recipe: Path) -> str:
    """Read a file in the encodings of YAML."""
    content = recipe.read_bytes()
    return content.decode("utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
