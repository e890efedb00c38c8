"""Write docs/benchmarks.md and docs/scaling.md from the results: `python -m benchmarks.pages`."""

from pathlib import Path

import click

from benchmarks import accuracy, million, scaling, table
from benchmarks.results import Results


def write(results: Results, docs: Path) -> None:
    """Write benchmarks.md to `docs`, and scaling.md if every subject that it is derived from was measured."""
    recorded = [accuracy.section(), *million.sections()]
    table.write_page(docs / "benchmarks.md", [*results.sections.values(), *recorded], results.sizes)
    if set(scaling.SUBJECTS) <= set(results.sections):
        scaling.write_page(docs / "scaling.md", results.sections, results.cores)


@click.command()
@click.option("--results", type=click.Path(path_type=Path), default="benchmarks/results.json", show_default=True)
@click.option("--docs", type=click.Path(path_type=Path), default="docs", show_default=True, help="Folder of the pages.")
def main(results: Path, docs: Path) -> None:
    """Write the pages again, without measuring."""
    write(Results.read(results), docs)


if __name__ == "__main__":
    main()
