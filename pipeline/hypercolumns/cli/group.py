"""Commands that are imported on first use, since importing torch takes seconds."""

import importlib
from collections.abc import Mapping
from typing import Any

import click

from hypercolumns.cli.command import worded_errors
from hypercolumns.cluster.imports import without_garbage_collection


class LazyGroup(click.Group):
    """A group whose subcommands are the `main` commands of modules.

    Parameters
    ----------
    modules
        Module by subcommand.
    settings
        Arguments of `click.Group`.
    """

    def __init__(self, modules: Mapping[str, str], **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self._modules = modules

    def make_context(self, *arguments: Any, **settings: Any) -> click.Context:
        """Read the arguments; `--help` is printed here."""
        with worded_errors():
            return super().make_context(*arguments, **settings)

    def invoke(self, context: click.Context) -> Any:
        """Import and run the subcommand."""
        with worded_errors():
            return super().invoke(context)

    def list_commands(self, _context: click.Context) -> list[str]:
        """List the subcommands without importing them."""
        return list(self._modules)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """Import the module of a subcommand and return its `main`; None if there is no such subcommand."""
        if name not in self._modules:
            return None
        with without_garbage_collection():
            return importlib.import_module(self._modules[name]).main
