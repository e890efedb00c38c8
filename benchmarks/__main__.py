"""Run all benchmarks and write their figures: `python -m benchmarks`, or `make bench`."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import click

from benchmarks import (
    additions,
    annotations,
    default_run,
    extraction,
    growth,
    importing,
    machine,
    pages,
    scoring,
    segmenting,
    store,
    training,
    workers,
)
from benchmarks.figures import Section
from benchmarks.peers import comparison
from benchmarks.results import Results
from benchmarks.sizes import Sizes

SUBJECTS: Mapping[str, Callable[[Sizes], Section]] = {
    "machine": machine.figures,
    "import": importing.figures,
    "default-run": default_run.figures,
    "annotations": annotations.figures,
    "store": store.figures,
    "extraction": extraction.figures,
    "workers": workers.figures,
    "additions": additions.figures,
    "training": training.figures,
    "scoring": scoring.figures,
    "segmenter": segmenting.figures,
    "growth": growth.figures,
    "peers": comparison.figures,
}


def _with_sizes(command: click.Command) -> click.Command:
    """Add an option for each of the sizes."""
    for field in fields(Sizes):
        option = click.Option(
            [f"--{field.name.replace('_', '-')}"], type=click.IntRange(min=1), default=field.default, show_default=True
        )
        command.params.append(option)
    return command


@_with_sizes
@click.command()
@click.option(
    "--only",
    type=click.Choice(list(SUBJECTS)),
    multiple=True,
    help="Measure only this subject and keep the figures of the others, which must be of the same machine; may be "
    "given repeatedly.",
)
@click.option("--results", type=click.Path(path_type=Path), default="benchmarks/results.json", show_default=True)
@click.option("--docs", type=click.Path(path_type=Path), default="docs", show_default=True, help="Folder of the pages.")
def main(only: Sequence[str], results: Path, docs: Path, **sizes: int) -> None:
    """Measure every subject; write the figures as JSON, and the pages benchmarks.md and scaling.md."""
    chosen = Sizes(**sizes)
    kept = Results.read(results) if only and results.exists() else None
    if kept and kept.sizes != chosen:
        raise click.UsageError(
            f"{results} was measured with other sizes, {kept.sizes}. Give the same sizes, measure everything again, or "
            "name another file with --results and another folder with --docs."
        )
    sections = dict(kept.sections) if kept else {}
    for name, figures in SUBJECTS.items():
        if not only or name in only:
            click.echo(f"== {name}", err=True)
            sections[name] = figures(chosen)
    measured = Results(chosen, os.cpu_count() or 1, {name: sections[name] for name in SUBJECTS if name in sections})
    measured.write(results)
    pages.write(measured, docs)
    missed = [figure for section in sections.values() for figure in section.figures if figure.missed]
    click.echo(f"Wrote {results} and the pages in {docs}; goals missed: {len(missed)}")


if __name__ == "__main__":
    main()
