"""The entry point of `hypercolumns` and `python -m hypercolumns`."""

import click

from hypercolumns import __version__
from hypercolumns.cli.group import LazyGroup

main = LazyGroup(
    {name: f"hypercolumns.cli.{name}" for name in ("check", "inspect", "params", "results", "verify")},
    name="hypercolumns",
    help="Check a run before it starts, inspect features, verify stores, print parameters, and hand results on.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
click.version_option(__version__, prog_name="hypercolumns")(main)
