"""`hypercolumns` and `python -m stages`: every stage as a subcommand, and the commands for people."""

import gc
import importlib
import pkgutil

import click

import stages
from pipeline.workers import serve_forks
from stages.workers import IMPORTS

_HELPERS = {"__main__", "common", "network", "workers"}


class _Commands(click.Group):
    """Subcommands are the modules of `stages`, imported only when asked for: torch takes its time."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(m.name for m in pkgutil.iter_modules(stages.__path__) if m.name not in _HELPERS)

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        # What workers are forked from imports beside this process rather than after it: a second less. In vain where
        # `compute.scheduler` has them or the input is wrong, which shows only later.
        asks = context.resilient_parsing or set(args) & set(context.help_option_names)  # completion, help
        if args[0] in IMPORTS and not asks:
            serve_forks(IMPORTS[args[0]])
        return super().resolve_command(context, args)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        # What imports make stays to the end: looking through it for garbage, now and at the exit, takes half a second.
        gc.disable()
        try:
            command: click.Command = importlib.import_module(f"stages.{name}").main
        finally:
            gc.freeze()
            gc.enable()
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hypercolumns")
def main() -> None:
    """Hypercolumn features of any frozen backbone, cached, and grids of linear classifiers on them.

    `dvc repro` runs the stages in order; each can be run alone too.
    """


if __name__ == "__main__":
    main()
