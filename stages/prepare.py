"""Read or draw the data set and write its annotations as COCO JSON: the pipeline's first step."""

import dataclasses
import tempfile
from pathlib import Path
from typing import Literal

import click

from pipeline.annotations import readers
from pipeline.annotations.model import AnnotationSet
from pipeline.parameters import Parameters
from pipeline.scratch import publish
from stages.common import stage

SPLITS: tuple[Literal["train", "val"], ...] = ("train", "val")


@stage
@click.option("--annotations", default="data/annotations", type=click.Path(path_type=Path), help="Folder written.")
@click.option("--images", default="data/images", type=click.Path(path_type=Path), help="Folder of drawn pictures.")
@click.option("--skip-bad/--no-skip-bad", default=None, help="Instead of dataset.skip_bad, of the parameters.")
def main(params: Parameters, annotations: Path, images: Path, skip_bad: bool | None) -> None:
    """Prepare the annotations of both splits (and the pictures of the embedded data set)."""
    dataset = params.dataset if skip_bad is None else params.dataset.model_copy(update={"skip_bad": skip_bad})
    for folder in (annotations, images):
        folder.parent.mkdir(parents=True, exist_ok=True)
    # Both folders are replaced only when everything is there, so that an error leaves the old ones alone.
    with (
        tempfile.TemporaryDirectory(prefix=".prepare-", dir=annotations.parent) as written,
        tempfile.TemporaryDirectory(prefix=".prepare-", dir=images.parent) as drawn,
    ):
        for folder in (Path(written, "annotations"), Path(drawn, "images")):
            folder.mkdir()  # with the user's ordinary permissions, which a temporary folder lacks
        for split in SPLITS:
            result = readers.read(dataset, split, params.seed, Path(drawn, "images"))
            readers.check_photographs(result)
            if dataset.format == "puppets":
                result = dataclasses.replace(result, image_root=images.as_posix())
            result.save(Path(written, "annotations", f"{split}.json"))
            click.echo(summary(split, result))
        if dataset.format != "puppets":
            # DVC warns of an empty folder, again and again.
            Path(drawn, "images", "README").write_text("The photographs stay below dataset.root.\n")
        publish(Path(drawn, "images"), images)
        publish(Path(written, "annotations"), annotations)


def summary(split: str, annotations: AnnotationSet) -> str:
    """What a split holds, as a table: a line of totals, then one line per category that occurs."""
    instances = annotations.instances
    lines = [
        f"{split}: {annotations.description}",
        f"  {len(annotations.images)} images, {len(instances)} instances, "
        f"{sum(i.difficult for i in instances)} difficult, {sum(i.crowd for i in instances)} crowd, "
        f"{sum(any(i.keypoints[2::3]) for i in instances)} with keypoints, {sum(len(i.parts) for i in instances)} parts"
        + "".join(
            f", {count} {reason.replace('_', ' ')} left out" for reason, count in annotations.counts.items() if count
        ),
        f"  {'category':<20}{'instances':>10}{'counted':>10}{'images':>8}",
    ]
    for category in annotations.categories:
        own = [i for i in instances if i.category_id == category.id]
        if own:
            counted = sum(not i.ignore for i in own)
            lines.append(f"  {category.name:<20}{len(own):>10}{counted:>10}{len({i.image_id for i in own}):>8}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
