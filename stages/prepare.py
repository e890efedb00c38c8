"""Read or draw the data set and write its annotations as COCO JSON: the pipeline's first step."""

import dataclasses
import tempfile
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Literal

import click

from pipeline.annotations import readers
from pipeline.annotations.model import AnnotationSet, Category
from pipeline.errors import InputError, choices
from pipeline.parameters import Parameters
from pipeline.scratch import publish
from stages.common import stage
from stages.network import check_network

SPLITS: tuple[Literal["train", "val"], ...] = ("train", "val")


@stage
@click.option("--annotations", default="data/annotations", type=click.Path(path_type=Path), help="Folder written.")
@click.option("--images", default="data/images", type=click.Path(path_type=Path), help="Folder of drawn pictures.")
@click.option("--skip-bad/--no-skip-bad", default=None, help="Instead of dataset.skip_bad, of the parameters.")
def main(params: Parameters, annotations: Path, images: Path, skip_bad: bool | None) -> None:
    """Prepare the annotations of both splits (and the pictures of the embedded data set)."""
    check_network(params)
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
        sets: dict[str, AnnotationSet] = {}
        for split in SPLITS:
            result = sets[split] = readers.read(dataset, split, params.seed, Path(drawn, "images"))
            if split == "train":
                _check_wanted(dataset.categories, result)
                _check_tasks(params.tasks, result)
            else:
                _check_same(sets["train"].categories, result.categories)
                _check_apart(sets["train"], result, dataset.format)
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


def _check_wanted(wanted: Sequence[str], train: AnnotationSet) -> None:
    """Refuse at once what extraction would refuse after an hour: nothing to train on, or not of a wanted category."""
    there = {i.category_id for i in train.instances if not i.ignore}
    if not there:
        left_out = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in train.counts.items() if count)
        raise InputError(
            f"{train.description}: none of the {len(train.instances)} instances of train can train, since they must be "
            f"neither crowd nor difficult (dataset.minimum_area makes small ones difficult)"
            + (f"; left out were {left_out}." if left_out else ".")
        )
    missing = [c.name for c in train.categories if c.name in wanted and c.id not in there]
    present = choices(c.name for c in train.categories if c.id in there)
    if missing:
        raise InputError(
            f"dataset.categories names {missing[0]!r}, which has no training instance that is neither crowd nor "
            f"difficult; categories of train that have one: {present}."
        )


def _check_tasks(tasks: Sequence[str], train: AnnotationSet) -> None:
    """Refuse at once what training would refuse after an hour: a task of whose targets nothing is annotated."""
    there = {name: any(getattr(c, name) for c in train.categories) for name in ("keypoints", "parts")}
    missing = [task for task in tasks if not there.get(task, True)]
    if missing:
        left = [task for task in tasks if task not in missing]
        raise InputError(
            f"tasks names {choices(missing)}, which none of the annotated categories "
            f"({choices(c.name for c in train.categories)}) has; set it to what the data set has, as in "
            f"dvc exp run -S 'tasks=[{','.join(left) or 'segmentation'}]'."
        )


def _check_same(train: Sequence[Category], val: Sequence[Category]) -> None:
    """Refuse splits whose categories, or keypoints or parts of one, differ: a classifier would answer for another."""
    for own, other in zip_longest(train, val):
        names = [f"{c.id} ({c.name})" if c else "none" for c in (own, other)]
        if names[0] != names[1]:
            raise InputError(
                f"dataset.train and dataset.val list other categories, where train has {names[0]} val has {names[1]}; "
                f"both need the same ids and names in the same order."
            )
        for kind in ("keypoints", "parts"):
            listed = [", ".join(getattr(c, kind)) or "none" for c in (own, other)]
            if listed[0] != listed[1]:
                raise InputError(
                    f"dataset.train and dataset.val list other {kind} of {names[0]}: train has {listed[0]}; val has "
                    f"{listed[1]}; both need the same names in the same order."
                )


_APART = {
    "voc": "name other image sets in dataset.train and dataset.val",
    "sbd": "name other image sets in dataset.train and dataset.val",
    "coco": "name other annotation files in dataset.train and dataset.val, or the images of each in dataset.train_list "
    "and dataset.val_list",
    "pascal_part": "list the images of each in dataset.train_list and dataset.val_list",
}
"""How the photographs of the splits are chosen, by format; puppets are drawn for each."""


def _check_apart(train: AnnotationSet, val: AnnotationSet, form: str) -> None:
    """Refuse splits with common photographs: figures on what was trained on say nothing about other photographs."""
    known = {train.image_path(image).resolve() for image in train.images}
    shared = [image.file_name for image in val.images if val.image_path(image).resolve() in known]
    if shared:
        raise InputError(
            f"{len(shared)} of the {len(val.images)} photographs of val are photographs of train too, the first of "
            f"them {shared[0]}, so that every figure would be measured on what was trained on; {_APART[form]}."
        )


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
