"""Commands that are imported only when asked for: torch takes its time."""

import importlib
from collections.abc import Mapping

import click

from hypercolumns.cluster.imports import without_collection


class LazyGroup(click.Group):
    """A group whose subcommands are the `main` of modules.

    Parameters
    ----------
    modules
        Module by subcommand.
    """

    def __init__(self, modules: Mapping[str, str], **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self._modules = modules

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self._modules)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in self._modules:
            return None
        with without_collection():
            command: click.Command = importlib.import_module(self._modules[name]).main
        return command
