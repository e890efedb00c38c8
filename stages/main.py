"""The console script `hypercolumns`: every stage as a subcommand, and the commands for people."""

import importlib
import pkgutil

import click

import stages

_HELPERS = {"common", "main", "network"}


class _Commands(click.Group):
    """Subcommands are the modules of `stages`, imported only when asked for: torch takes its time."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(m.name for m in pkgutil.iter_modules(stages.__path__) if m.name not in _HELPERS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        command: click.Command = importlib.import_module(f"stages.{name}").main
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hypercolumns")
def main() -> None:
    """Hypercolumn features of any frozen backbone, cached, and grids of linear classifiers on them.

    `dvc repro` runs the stages in order; each can be run alone too.
    """


if __name__ == "__main__":
    main()
