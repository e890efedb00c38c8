"""Metrics, plots and predictions -> one self-contained page."""

from pathlib import Path

import click

from pipeline.parameters import Parameters
from pipeline.reporting.page import build_page
from pipeline.reporting.sources import Sources
from stages.common import stage


@stage
@click.option("--data", default="data", type=click.Path(path_type=Path), help="Folder read.")
@click.option("--metrics", default="metrics", type=click.Path(path_type=Path), help="Folder read.")
@click.option("--plots", default="plots", type=click.Path(path_type=Path), help="Folder read.")
@click.option("--out", default="reports/index.html", type=click.Path(path_type=Path), help="File written.")
def main(params: Parameters, data: Path, metrics: Path, plots: Path, out: Path) -> None:
    """Show all results so far on one page -> reports/index.html."""
    page = build_page(Sources(data, metrics, plots), params)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
    click.echo(f"{out}: {len(page.encode()) / 1e6:.1f} MB; open it in a browser.")


if __name__ == "__main__":
    main()
