"""Metrics, plots and predictions -> one self-contained page."""

from pathlib import Path

import click

from pipeline.parameters import Parameters
from pipeline.reporting.page import build_page
from pipeline.reporting.sources import Sources
from stages.common import stage

SOURCES = Sources(
    train=Path("data/annotations/train.json"),
    val=Path("data/annotations/val.json"),
    proposals=Path("metrics/proposals.json"),
    segmentation=Path("metrics/segmentation.json"),
    ablation=Path("metrics/ablation.json"),
    curves_50=Path("plots/segmentation_pr_50.json"),
    curves_70=Path("plots/segmentation_pr_70.json"),
    predictions=Path("data/predictions/segmentation_ground_truth.json"),
    heat_maps=Path("data/predictions/segmentation_heat_maps.zarr"),
)
OUT = Path("reports/index.html")


@stage
def main(params: Parameters) -> None:
    """All results so far -> reports/index.html."""
    page = build_page(SOURCES, params)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(page, encoding="utf-8")
    click.echo(f"{OUT}: {len(page.encode()) / 1e6:.1f} MB; open it in a browser.")


if __name__ == "__main__":
    main()
