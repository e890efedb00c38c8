"""`hypercolumns params`: print a complete parameter file."""

from pathlib import Path

import click

from hypercolumns.annotations.files import read_text
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
    """Print all parameters with comments.

    They have their defaults, or the values of a recipe.
    """
    parameters = Parameters.load(recipe) if recipe else Parameters()
    comment = leading_comment(read_text(recipe, "recipe")) if recipe else ""
    click.echo(as_yaml(parameters, comment or HEADER), nl=False)
