"""Print a complete `params.yaml`."""

from pathlib import Path

import click

from pipeline.parameters import Parameters
from pipeline.parameters.text import as_yaml
from stages.common import command


@command
@click.option("--from", "source", type=click.Path(path_type=Path), help="Take values from this parameter file.")
def main(source: Path | None) -> None:
    """Print every parameter with what it means: the defaults, or a file's values completed with them."""
    click.echo(as_yaml(Parameters.load(source) if source else Parameters()), nl=False)


if __name__ == "__main__":
    main()
