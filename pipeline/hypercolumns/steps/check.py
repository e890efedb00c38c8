"""Check everything that can be known before anything is computed, and estimate what the run will cost."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypercolumns.annotations.model import AnnotationSet, Instance
from hypercolumns.annotations.selection import trains
from hypercolumns.annotations.summary import summarise
from hypercolumns.definitions import TASKS, find_task
from hypercolumns.errors import InputError, choices
from hypercolumns.input_files import expand_home, is_file, is_folder
from hypercolumns.parameters import Parameters
from hypercolumns.steps.cost import Cost, estimate_cost
from hypercolumns.steps.data_set import read_annotations, read_data_set
from hypercolumns.steps.network import check_networks
from hypercolumns.tasks.mirroring import mirrored_positions
from hypercolumns.workspace import SPLITS, Split, Workspace

if TYPE_CHECKING:
    from hypercolumns.backbones import Backbone

_REMEDIES = {
    "segmentation": "masks are needed, and boxes alone do not suffice: export polygons or run-length codes",
    "keypoints": "labelled keypoints are needed, in the annotations or from dataset.keypoints",
    "parts": "masks of parts are needed; see dataset.parts_of where the categories themselves are parts",
}
"""Needs of the built-in tasks, as clauses."""

logger = logging.getLogger(__name__)


def check_parameters(parameters: Parameters) -> "Backbone | None":
    """Check the parameters together with what they name: files, device, networks and scheduler.

    Returns
    -------
    The network of `extract`; None if it is the default one.

    Raises
    ------
    InputError
        Naming the key whose value cannot be used.
    """
    named: dict[str, str] = {}
    if parameters.backbone.weights == "file":
        named["backbone.file"] = parameters.backbone.file
    if parameters.detection.source == "file":
        named["detection.file"] = parameters.detection.file
    for key, name in named.items():
        if not is_file(expand_home(name)):
            raise InputError(f"{key} is {name!r}, but there is no such file; name an existing one.")
    folder = parameters.dataset.folder
    if parameters.dataset.format != "puppets" and not is_folder(folder):
        raise InputError(
            f"dataset.root is {parameters.dataset.root!r}, but there is no such folder ({folder.absolute()}); name the "
            f"folder that holds the data set."
        )
    if parameters.compute.scheduler is not None:
        from hypercolumns.cluster.connection import connect  # Dask takes a second to import

        with connect(parameters.compute):
            pass
    return check_networks(parameters)


def check_pipeline(parameters: Parameters, workspace: Workspace, *, dry: bool = False) -> Cost:
    """Check parameters and data set as a whole, so that no later step refuses what could be known.

    Parameters
    ----------
    parameters
        All parameters are checked.
    workspace
        `prepare_annotations` takes the data set over from its scratch folder.
    dry
        Write nothing, and do not decode the photographs.

    Returns
    -------
    The estimated cost of the run.

    Raises
    ------
    InputError
        Naming the key, file or annotation that a step could not use.
    """
    backbone = check_parameters(parameters)
    sets = _read(parameters, workspace, dry)
    trained = [i for i in sets["train"].instances if trains(i, parameters.regions.minimum_area)]
    for split, annotations in sets.items():
        logger.info("%s", summarise(split, annotations))
    if parameters.regions.mirrored and (pairs := _mirrored_pairs(parameters.tasks, sets["train"])):
        logger.info("in mirrored regions, by their names, these change places: %s", ", ".join(pairs))
    check_trained(parameters, sets["train"], trained)
    detections = _count_detections(parameters, sets["val"])
    cost = estimate_cost(parameters, sets, len(trained), detections, backbone)
    logger.info("%s", cost.as_text())
    return cost


def check_trained(parameters: Parameters, train: AnnotationSet, trained: Sequence[Instance]) -> None:
    """Check that the instances that train suffice for the wanted tasks, categories and grids.

    Raises
    ------
    InputError
        If none trains, or none that is annotated for a wanted task; if a category of `dataset.categories` has none, or
        any category has none although `train.sharing` is per_category.
    """
    limit = parameters.regions.minimum_area
    if not trained:
        areas = sorted(i.area for i in train.instances if not i.ignore)
        raise InputError(
            f"regions.minimum_area is {limit}, but the {len(areas)} instances of train that are neither crowd nor "
            f"difficult have {areas[0]:g} to {areas[-1]:g} pixels; choose at most {int(areas[-1])}."
        )
    missing = [task for task in parameters.tasks if not any(map(find_task(task).is_annotated, trained))]
    if missing:
        usable = [name for name, task in TASKS.items() if any(map(task.is_annotated, trained))]
        remedies = "; ".join(filter(None, map(_REMEDIES.get, missing)))
        raise InputError(
            f"tasks names {choices(missing)}, but none of the {len(trained)} instances that can train is annotated for "
            f"{'it' if len(missing) == 1 else 'them'}. {remedies[:1].upper() + remedies[1:]}. The annotations suffice "
            f"for tasks: [{', '.join(usable)}]."
        )
    present = {instance.category_id for instance in trained}
    names = {category.id: category.name for category in train.categories}
    lacking = [name for key, name in names.items() if key not in present]
    wanted = [name for name in lacking if name in parameters.dataset.categories]
    known = choices(names[key] for key in present)
    if wanted:
        raise InputError(
            f"dataset.categories names {wanted[0]!r}, but no instance of it trains (neither crowd nor difficult, at "
            f"least regions.minimum_area = {limit} pixels); choose among {known}."
        )
    if lacking and parameters.train.sharing != "per_category":
        logger.warning("No instance of %s can train, so that none will be detected.", choices(lacking))
    elif lacking:
        raise InputError(
            f"train.sharing is per_category, but no instance of {choices(lacking)} trains; choose auto, adapted or "
            f"shared, or list the others in dataset.categories: [{known}]."
        )


def _read(parameters: Parameters, workspace: Workspace, dry: bool) -> Mapping[Split, AnnotationSet]:
    if not dry:
        folder = read_data_set(parameters, workspace)
        return {split: AnnotationSet.load(folder / f"{split}.json") for split in SPLITS}
    with TemporaryDirectory() as images:
        return read_annotations(parameters, workspace, Path(images), decode=False)


def _mirrored_pairs(tasks: Sequence[str], train: AnnotationSet) -> list[str]:
    """Names of keypoints and parts that change places in a mirror, pair by pair."""
    pairs: dict[str, None] = {}
    for category in train.categories:
        for task, names in (("keypoints", category.keypoints), ("parts", category.parts)):
            if task in tasks:
                others = enumerate(mirrored_positions(names))
                pairs |= dict.fromkeys(f"{names[one]} and {names[other]}" for one, other in others if one < other)
    return list(pairs)


def _count_detections(parameters: Parameters, val: AnnotationSet) -> int:
    """Number of detections that `detect` will write, at most.

    Raises
    ------
    InputError
        If the file of detections is malformed, or there will be none.
    """
    settings = parameters.detection
    if settings.source == "own":
        return settings.max_per_image * len(val.images)
    from hypercolumns.detection import results  # pandas and others take time to import

    instances = results.ground_truth(val)
    found = instances
    if settings.source == "file":
        found = results.from_file(expand_home(settings.file), val, settings.max_per_image)
    if not found and not instances:
        raise InputError(
            f"detection.source is {settings.source}, which gives no box in val, and val has no instance that is "
            f"neither crowd nor difficult, so there is nothing to predict; choose own."
        )
    return len(found)
