"""Write a bundle of trained models, as a folder and as an archive; does not load the network."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypercolumns.annotations.model import AnnotationSet, Category
from hypercolumns.bundle.archive import pack
from hypercolumns.bundle.manifest import (
    DETECTOR,
    NAME,
    RESCORER,
    SCHEMA,
    Manifest,
    Network,
    Ranking,
    Regions,
    grid_path,
)
from hypercolumns.definitions import create_task
from hypercolumns.errors import InputError
from hypercolumns.features.origin import Origin, require_origin
from hypercolumns.grid.model import GridModel
from hypercolumns.packages import ENGINE_PACKAGES, RECORDED_PACKAGES, installed_versions
from hypercolumns.parameters import Parameters
from hypercolumns.proposals.ranking import FEATURES, Ranker
from hypercolumns.scratch.publishing import publish
from hypercolumns.stores.manifest import FileRecord
from hypercolumns.tasks.task import Task

_LEFT_OUT = ("dataset", "ablate", "report", "compute")
"""Sections of the parameters that say nothing about how a model is applied."""


def write_bundle(
    folder: Path,
    archive: Path,
    parameters: Parameters,
    categories: tuple[Category, ...],
    grids: Mapping[str, Path],
    detector: Path,
    rescorer: Path,
    ranker: Ranker,
    metrics: Mapping[str, Any],
) -> Manifest:
    """Write a bundle as a folder and as a ZIP archive, replacing older ones. Equal content gives equal bytes.

    Parameters
    ----------
    categories
        Of the training data.
    grids
        Stores of trained grids by task.
    detector, rescorer
        Stores of both steps of detection.
    metrics
        What was measured on val, by name.

    Raises
    ------
    InputError
        If a store is missing or damaged, or the grids of two tasks were trained on other features.
    """
    opened = {task: GridModel.open(path) for task, path in grids.items()}
    origin = _common_origin(grids, opened)
    for task, model in opened.items():
        _require_fitting(grids[task], model, create_task(task, AnnotationSet((), categories, (), ""), parameters))
    preprocessing = origin["preprocessing"]
    layers = {layer for model in opened.values() for layer in model.spec.layers}
    network = Network(
        name=origin["backbone"],
        weights=origin["weights"],
        weights_sha256=origin["weights_sha256"],
        input_size=preprocessing["input_size"],
        layers=tuple(layer for layer in parameters.backbone.layers if layer in layers),
    )
    detects = parameters.detection.source == "own"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        draft = Path(temporary) / folder.name
        draft.mkdir()
        for task, path in grids.items():
            shutil.copytree(path, grid_path(draft, task), copy_function=shutil.copyfile)
        if detects:
            shutil.copytree(detector, draft / DETECTOR, copy_function=shutil.copyfile)
        if parameters.rescores:
            shutil.copytree(rescorer, draft / RESCORER, copy_function=shutil.copyfile)
        described = {k: v for k, v in parameters.model_dump(mode="json").items() if k not in _LEFT_OUT}
        files = sorted(file for file in draft.rglob("*") if file.is_file())
        manifest = Manifest(
            schema=SCHEMA,
            tasks=tuple(grids),
            network=network,
            regions=Regions(preprocessing["mode"], float(origin["expansion"])),
            categories=categories,
            detects=detects,
            rescores=parameters.rescores,
            thresholds={"mask": parameters.predict.threshold},
            ranking=Ranking(FEATURES, ranker.knots.tolist(), ranker.values.tolist(), float(ranker.bias)),  # type: ignore[arg-type]
            parameters=described,
            metrics=metrics,
            versions=installed_versions((*RECORDED_PACKAGES, *ENGINE_PACKAGES[parameters.backbone.engine])),
            files={file.relative_to(draft).as_posix(): FileRecord.measure(file).sha256 for file in files},
        ).sealed()
        (draft / NAME).write_bytes(manifest.encode())
        pack(draft, archive)
        publish(draft, folder)
    return manifest


def _common_origin(paths: Mapping[str, Path], models: Mapping[str, GridModel]) -> Origin:
    """Origin of the features that all models were trained on."""
    for task, model in models.items():
        if not model.features:
            raise InputError(f"{paths[task]} does not say on which features it was trained; train it again.", "train")
    (first, model), *others = models.items()
    for task, other in others:
        require_origin(other.features, model.features, f"{paths[task]}, unlike {paths[first]},", "train")
    return model.features


def _require_fitting(path: Path, model: GridModel, task: Task) -> None:
    """Refuse grids that were trained for another task or for other categories than those of the annotations."""
    if model.targets != tuple(task.targets):
        raise InputError(
            f"{path} was trained for the targets {', '.join(model.targets)}, but the annotations have "
            f"{', '.join(task.targets)}; train it again.",
            "train",
        )
    known = {category.id for category in task.annotations.categories}
    if unknown := sorted(set(model.group_of_category) - known):
        raise InputError(
            f"{path} answers for the categories {', '.join(map(str, unknown))}, which the annotations do not have; "
            "train it again.",
            "train",
        )
