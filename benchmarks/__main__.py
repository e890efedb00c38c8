"""Run all benchmarks and write their figures: `python -m benchmarks`, or `make bench`."""

import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path

import click

from benchmarks import extraction, growth, machine, peers, scaling, scoring, store, table, training
from benchmarks.figures import Section
from benchmarks.sizes import Sizes

SUBJECTS: Mapping[str, Callable[[Sizes], Section]] = {
    "machine": machine.figures,
    "store": store.figures,
    "extraction": extraction.figures,
    "training": training.figures,
    "scoring": scoring.figures,
    "growth": growth.figures,
    "peers": peers.figures,
}


def _with_sizes(command: click.Command) -> click.Command:
    """An option for each of the sizes."""
    for field in fields(Sizes):
        option = click.Option(
            [f"--{field.name.replace('_', '-')}"], type=click.IntRange(min=1), default=field.default, show_default=True
        )
        command.params.append(option)
    return command


@_with_sizes
@click.command()
@click.option("--results", type=click.Path(path_type=Path), default="benchmarks/results.json", show_default=True)
@click.option("--docs", type=click.Path(path_type=Path), default="docs", show_default=True, help="Folder of the pages.")
def main(results: Path, docs: Path, **sizes: int) -> None:
    """Measure every subject, write the figures as JSON and the pages benchmarks.md and scaling.md."""
    chosen = Sizes(**sizes)
    sections = {}
    for name, figures in SUBJECTS.items():
        click.echo(f"== {name}", err=True)
        sections[name] = figures(chosen)
    table.write_json(results, list(sections.values()), chosen)
    table.write_page(docs / "benchmarks.md", list(sections.values()), chosen)
    scaling.write_page(docs / "scaling.md", sections, os.cpu_count() or 1)
    missed = [figure for section in sections.values() for figure in section.figures if figure.missed]
    click.echo(f"{results}, {docs / 'benchmarks.md'}, {docs / 'scaling.md'}; goals missed: {len(missed)}")


if __name__ == "__main__":
    main()
