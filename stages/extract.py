"""extract: hypercolumn blocks of regions from the frozen backbone into the feature store."""

from pathlib import Path

import click

from pipeline.annotations.model import AnnotationSet
from pipeline.annotations.results import read_results
from pipeline.parameters import Parameters
from stages.common import stage


@stage
@click.option("--split", type=click.Choice(["train", "val", "both"]), default="both", help="Which image set.")
@click.option("--annotations", type=click.Path(path_type=Path), default="data/annotations", help="Folder.")
@click.option("--proposals", type=click.Path(path_type=Path), default="data/proposals", help="Folder; for train.")
@click.option("--detections", type=click.Path(path_type=Path), default="data/detections", help="Folder; for val.")
@click.option("--out", type=click.Path(path_type=Path), default="data/features", help="Folder of the stores.")
def main(params: Parameters, split: str, annotations: Path, proposals: Path, detections: Path, out: Path) -> None:
    """Cache the hypercolumn blocks of all regions, one Zarr store per image set."""
    # Torch and its libraries take seconds to import; `--help` does without.
    from pipeline.backbones import create
    from pipeline.features import selection
    from pipeline.features.extraction import extract
    from pipeline.proposals.store import ProposalStore

    backbone = create(params.backbone, params.seed)
    short_side = params.regions.short_side if params.regions.mode == "image" else None
    for name in ("train", "val") if split == "both" else (split,):
        images = AnnotationSet.load(annotations / f"{name}.json")
        if name == "train":
            candidates = ProposalStore.open(proposals / "train.zarr")
            wanted = params.dataset.categories
            regions = selection.training_regions(images, candidates, params.regions, params.seed, wanted)
        else:
            boxes = read_results(detections / "val.json", images, "boxes", "`dvc repro detect` writes it")
            regions = selection.validation_regions(images, boxes)
        store = out / f"{name}.zarr"
        extract(regions, images, backbone, params.regions.expansion, params.compute, store, short_side=short_side)


if __name__ == "__main__":
    main()
