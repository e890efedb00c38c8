"""Reads or draws the data set and writes its annotations as COCO JSON."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from hypercolumns.annotations import readers
from hypercolumns.annotations.formats import READERS
from hypercolumns.annotations.model import AnnotationSet, Category
from hypercolumns.annotations.summary import summarise
from hypercolumns.definitions import find_task
from hypercolumns.errors import InputError, choices
from hypercolumns.parameters import DatasetParameters, Parameters
from hypercolumns.scratch import publish
from hypercolumns.steps.network import check_network
from hypercolumns.workspace import SPLITS, Split, Workspace

logger = logging.getLogger(__name__)


def prepare_annotations(parameters: Parameters, workspace: Workspace) -> dict[Split, AnnotationSet]:
    """Write the annotations of both splits, and the pictures of the embedded data set.

    Both folders are replaced only when everything is there, so an error leaves the old ones alone.

    Raises
    ------
    InputError
        When the data set cannot be read, or when a later step could not use it: see the checks below.
    """
    check_network(parameters)
    annotations, images = workspace.annotations("train").parent, workspace.images
    for folder in (annotations, images):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=".prepare-", dir=annotations.parent) as written,
        tempfile.TemporaryDirectory(prefix=".prepare-", dir=images.parent) as drawn,
    ):
        for folder in (Path(written, "annotations"), Path(drawn, "images")):
            folder.mkdir()  # with the user's ordinary permissions, which a temporary folder lacks
        sets: dict[Split, AnnotationSet] = {}
        for split in SPLITS:
            found = _read(parameters, split, Path(drawn, "images"))
            if split == "train":
                _check_wanted(parameters.dataset.categories, found)
                _check_tasks(parameters.tasks, found)
            else:
                _check_same(sets["train"].categories, found.categories)
                _check_apart(sets["train"], found, parameters.dataset.format)
            readers.check_photographs(found)
            if parameters.dataset.format == "puppets":
                found = replace(found, image_root=images.as_posix())
            found.save(Path(written, "annotations", f"{split}.json"))
            sets[split] = found
            logger.info("%s", summarise(split, found))
        if parameters.dataset.format != "puppets":
            # DVC warns of an empty folder, again and again.
            Path(drawn, "images", "README").write_text("The photographs stay below dataset.root.\n")
        publish(Path(drawn, "images"), images)
        publish(Path(written, "annotations"), annotations)
    return sets


def _read(parameters: Parameters, split: Split, images: Path) -> AnnotationSet:
    dataset: DatasetParameters = parameters.dataset
    if dataset.format != "puppets":
        return readers.rename(readers.read(dataset, split), dataset)
    from hypercolumns.puppets import generate  # OpenCV and the source photographs, which only drawing needs

    return readers.rename(generate(dataset, split, parameters.seed, images), dataset)


def _check_wanted(wanted: Sequence[str], train: AnnotationSet) -> None:
    """Refuse what extraction would refuse after an hour: nothing to train on, or no instance of a wanted category."""
    trained = {i.category_id for i in train.instances if not i.ignore}
    if not trained:
        left_out = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in train.counts.items() if count)
        raise InputError(
            f"{train.description}: none of the {len(train.instances)} instances of train can train, since they must be "
            f"neither crowd nor difficult (dataset.minimum_area makes small ones difficult)"
            + (f"; left out were {left_out}." if left_out else ".")
        )
    missing = [c.name for c in train.categories if c.name in wanted and c.id not in trained]
    if missing:
        present = choices(c.name for c in train.categories if c.id in trained)
        raise InputError(
            f"dataset.categories names {missing[0]!r}, which has no training instance that is neither crowd nor "
            f"difficult; categories of train that have one: {present}."
        )


def _check_tasks(tasks: Sequence[str], train: AnnotationSet) -> None:
    """Refuse what training would refuse after an hour: a task without annotated targets."""
    missing = [task for task in tasks if not any(map(find_task(task).is_annotated, train.categories))]
    if missing:
        usable = [task for task in tasks if task not in missing] or ["segmentation"]
        raise InputError(
            f"tasks names {choices(missing)}, which none of the annotated categories "
            f"({choices(c.name for c in train.categories)}) has; set it to what the data set has: "
            f"tasks: [{', '.join(usable)}]."
        )


def _check_same(train: Sequence[Category], val: Sequence[Category]) -> None:
    """Refuse splits whose categories, keypoints or parts differ: a classifier would answer for another."""
    for first, second in zip_longest(train, val):
        names = [f"{c.id} ({c.name})" if c else "none" for c in (first, second)]
        if names[0] != names[1]:
            raise InputError(
                f"dataset.train and dataset.val list different categories: where train has {names[0]}, val has "
                f"{names[1]}; both need the same ids and names in the same order."
            )
        for kind in ("keypoints", "parts"):
            listed = [", ".join(getattr(c, kind)) or "none" for c in (first, second)]
            if listed[0] != listed[1]:
                raise InputError(
                    f"dataset.train and dataset.val list different {kind} of {names[0]}: train has {listed[0]}; val "
                    f"has {listed[1]}; both need the same names in the same order."
                )


def _check_apart(train: AnnotationSet, val: AnnotationSet, form: str) -> None:
    """Refuse splits that share photographs: figures on what was trained on say nothing about other photographs."""
    known = {train.image_path(image).resolve() for image in train.images}
    shared = [image.file_name for image in val.images if val.image_path(image).resolve() in known]
    if shared:
        raise InputError(
            f"{len(shared)} of the {len(val.images)} photographs of val are photographs of train too, the first of "
            f"them {shared[0]}, so every figure would be measured on what was trained on; {READERS[form].splitting}."
        )
