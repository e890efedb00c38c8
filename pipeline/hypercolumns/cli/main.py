"""The entry point of `hypercolumns` and `python -m hypercolumns`."""

import click

from hypercolumns import __version__
from hypercolumns.cli.group import LazyGroup

main = LazyGroup(
    {name: f"hypercolumns.cli.{name}" for name in ("check", "export", "inspect", "params", "results", "verify")},
    name="hypercolumns",
    help="Check a run, inspect features, verify stores, print parameters, hand on results, and export models.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
click.version_option(__version__, prog_name="hypercolumns")(main)
