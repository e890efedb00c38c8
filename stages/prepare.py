"""The DVC stage `prepare`."""

import click

from hypercolumns.steps import prepare_annotations
from stages.common import stage

SKIP_BAD = click.Option(["--skip-bad/--no-skip-bad"], default=None, help="Overrides dataset.skip_bad.")

main = stage(prepare_annotations, SKIP_BAD)

if __name__ == "__main__":
    main()
