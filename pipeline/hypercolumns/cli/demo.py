"""`hypercolumns demo`: find objects in drawn scenes with the packaged model."""

from pathlib import Path

import click

from hypercolumns.cli.applying import open_segmenter
from hypercolumns.cli.command import command


@command
@click.option("-o", "--out", default="demo", type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--scenes", default=6, type=click.IntRange(1, 1000), help="Number of scenes.")
@click.option("--seed", default=1, type=click.IntRange(0), help="Seed of the scenes; 0 gives those of the pipeline.")
def main(out: Path, scenes: int, seed: int) -> None:
    """Find objects in drawn scenes with a packaged model.

    Draws scenes, finds the people, horses and cars in them with a model that comes with the package, and shows both.

    Needs neither a repository nor data, and downloads nothing. OUT gets `index.html`, a page to look at; `scenes`; and
    `found`, what `hypercolumns segment` writes for them.
    """
    # Imported here so that `--help` does not wait for torch.
    from hypercolumns.demo.model import MODEL, SCORE

    segmenter = open_segmenter(MODEL, None, None, SCORE)  # first, since it words what is not installed
    from hypercolumns.demo.run import demonstrate

    done = demonstrate(segmenter, out, scenes, seed)
    click.echo(
        f"{done.summary}. Look at {click.format_filename(done.page)}\n\n"
        "Next: in a clone of the repository, `make` runs the whole pipeline on such scenes in a few minutes.\n"
        "For photographs, train on some of your own: docs/labelling.md goes through it."
    )
