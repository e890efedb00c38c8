"""Read or draw the data set and write its annotations as COCO JSON."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from hypercolumns.annotations import readers
from hypercolumns.annotations.formats import FORMATS
from hypercolumns.annotations.model import AnnotationSet, Category
from hypercolumns.annotations.summary import summarise
from hypercolumns.definitions import find_task
from hypercolumns.errors import InputError, choices
from hypercolumns.parameters import Parameters
from hypercolumns.scratch import publish
from hypercolumns.steps.network import check_network
from hypercolumns.workspace import SPLITS, Split, Workspace

logger = logging.getLogger(__name__)


def prepare_annotations(
    parameters: Parameters, workspace: Workspace, *, skip_bad: bool | None = None
) -> dict[Split, AnnotationSet]:
    """Write the annotations of both splits, and the photographs of the built-in data set.

    Both folders are replaced only when everything is complete, so an error leaves the old ones untouched.

    Parameters
    ----------
    skip_bad
        Overrides `dataset.skip_bad` of the parameters.

    Raises
    ------
    InputError
        If the data set cannot be read, or a later step could not use it: see the checks below.
    """
    if skip_bad is not None:
        dataset = parameters.dataset.model_copy(update={"skip_bad": skip_bad})
        parameters = parameters.model_copy(update={"dataset": dataset})
    check_network(parameters)
    workspace.data.mkdir(parents=True, exist_ok=True)
    sets: dict[Split, AnnotationSet] = {}
    with tempfile.TemporaryDirectory(prefix=".prepare-", dir=workspace.data) as folder:
        unfinished = Workspace(Path(folder))
        unfinished.images.mkdir()
        read = _read(parameters, unfinished.images)
        for split, annotations in read.items():
            if split == "train":
                _check_trainable(parameters.dataset.categories, annotations)
                _check_tasks(parameters.tasks, annotations)
            else:
                _check_same_targets(sets["train"].categories, annotations.categories)
                _check_disjoint(sets["train"], annotations, parameters.dataset.format)
            if parameters.dataset.format == "puppets":
                annotations = replace(annotations, image_root=workspace.images.as_posix())
            annotations.save(unfinished.annotations(split))
            sets[split] = annotations
            logger.info("%s", summarise(split, annotations))
        if parameters.dataset.format != "puppets":
            # DVC keeps warning about an empty folder.
            (unfinished.images / "README").write_text("The photographs stay below dataset.root.\n")
        publish(unfinished.images, workspace.images)
        publish(unfinished.annotations("train").parent, workspace.annotations("train").parent)
    return sets


def _read(parameters: Parameters, images: Path) -> dict[Split, AnnotationSet]:
    dataset = parameters.dataset
    if dataset.format != "puppets":
        sets = readers.read_splits(dataset, parameters.tasks)
    else:
        from hypercolumns.puppets import generate  # loads OpenCV and photographs that only drawing needs

        sets = {split: generate(dataset, split, parameters.seed, images) for split in SPLITS}
    return {split: readers.rename(annotations, dataset) for split, annotations in sets.items()}


def _check_trainable(wanted: Sequence[str], train: AnnotationSet) -> None:
    """Refuse data with nothing to train on, as a whole or for a wanted category; extraction would fail much later."""
    trainable = {i.category_id for i in train.instances if not i.ignore}
    if not trainable:
        left_out = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in train.counts.items() if count)
        raise InputError(
            f"{train.description}: none of the {len(train.instances)} instances of train is usable: all are crowd or "
            f"difficult (dataset.minimum_area makes small ones difficult)"
            + (f". Left out were {left_out}." if left_out else ".")
        )
    missing = [c.name for c in train.categories if c.name in wanted and c.id not in trainable]
    if missing:
        present = choices(c.name for c in train.categories if c.id in trainable)
        raise InputError(
            f"dataset.categories names {missing[0]!r}, but train has no instance of it to train on, neither crowd nor "
            f"difficult; choose among {present}."
        )


def _check_tasks(tasks: Sequence[str], train: AnnotationSet) -> None:
    """Refuse a task without annotated targets; training would fail much later."""
    missing = [task for task in tasks if not any(map(find_task(task).is_annotated, train.instances))]
    if missing:
        usable = [task for task in tasks if task not in missing] or ["segmentation"]
        raise InputError(
            f"tasks names {choices(missing)}, which none of the annotated categories "
            f"({choices(c.name for c in train.categories)}) has; choose tasks: [{', '.join(usable)}]."
        )


def _check_same_targets(train: Sequence[Category], val: Sequence[Category]) -> None:
    """Refuse splits whose categories, keypoints or parts differ, since models identify them by position."""
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


def _check_disjoint(train: AnnotationSet, val: AnnotationSet, dataset_format: str) -> None:
    """Refuse splits that share photographs, since metrics would be measured on training data."""
    train_paths = {train.image_path(image).resolve() for image in train.images}
    shared = [image.file_name for image in val.images if val.image_path(image).resolve() in train_paths]
    if shared:
        raise InputError(
            f"{len(shared)} of the {len(val.images)} photographs of val are also in train, such as {shared[0]}, so "
            f"metrics would be measured on training data; {FORMATS[dataset_format].split_advice}."
        )
