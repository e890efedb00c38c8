"""The entry point of `hypercolumns` and `python -m hypercolumns`."""

import click

from hypercolumns import __version__
from hypercolumns.cli.group import LazyGroup

_COMMANDS = (
    *("backbones", "check", "compare", "demo", "explore", "export", "gc", "heatmap", "inspect"),
    *("layers", "params", "results", "segment", "show", "verify"),
)

main = LazyGroup(
    {name: f"hypercolumns.cli.{name}" for name in _COMMANDS},
    name="hypercolumns",
    help="Apply and export trained models; hand on and compare results; choose networks; look at stores, verify and "
    "delete them.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
click.version_option(__version__, prog_name="hypercolumns")(main)
