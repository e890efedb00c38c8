"""Trained models of all tasks, opened from a bundle or collected from the files of the pipeline."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hypercolumns.annotations.model import AnnotationSet, Category
from hypercolumns.backbones import Backbone, create_backbone, with_layers
from hypercolumns.backbones.packages import ENGINE_PACKAGES, installed_versions
from hypercolumns.backbones.taps import Tap
from hypercolumns.bundle import manifest as manifests
from hypercolumns.bundle.archive import as_folder, pack
from hypercolumns.bundle.manifest import SCHEMA, Manifest, Network, Ranking, Regions, file_sha256
from hypercolumns.definitions import create_task
from hypercolumns.detection.detector import Detector
from hypercolumns.detection.features import feature_origin
from hypercolumns.errors import InputError
from hypercolumns.features.origin import Origin, require_origin
from hypercolumns.features.passes import RECORDED_PACKAGES
from hypercolumns.grid.model import GridModel
from hypercolumns.input_files import expand_home, is_file
from hypercolumns.parameters import Parameters
from hypercolumns.proposals.ranking import FEATURES, Ranker
from hypercolumns.scratch.publishing import publish
from hypercolumns.tasks.task import Task

DETECTOR = "detector.zarr"

_LEFT_OUT = ("dataset", "ablate", "report", "compute")
"""Sections of the parameters that say nothing about how a model is applied."""


@dataclass(frozen=True)
class Bundle:
    """Trained models of all tasks in memory, with all that is needed to apply them."""

    manifest: Manifest
    parameters: Parameters
    backbone: Backbone
    """The frozen network with the layers of the grids."""
    detection_taps: Mapping[str, Tap]
    """Taps of the layers that the detector sees, by name."""
    grids: Mapping[str, GridModel]
    """By task."""
    detector: Detector | None
    ranker: Ranker

    @property
    def categories(self) -> tuple[Category, ...]:
        """All categories, with the names of their keypoints and parts."""
        return self.manifest.categories

    @classmethod
    def open(cls, path: Path | str, weights: Path | str | None = None) -> "Bundle":
        """Open a folder or a ZIP archive, and make its network.

        Parameters
        ----------
        weights
            File with the weights of the network; None for those that the bundle was trained with: in a package, in a
            library, random from the seed, or in the file that the parameters name.

        Raises
        ------
        InputError
            If the bundle is missing, damaged or of another version, or the weights are not those that it names.
        """
        path = Path(path)
        with as_folder(path) as folder:
            manifest = Manifest.read(folder, path)
            for fault in manifest.faults(folder):
                raise InputError(f"{path} is damaged: {fault}.", "bundle")
            parameters = Parameters.of(manifest.parameters, f"{path}, {manifests.NAME}")
            backbone = _create_backbone(manifest, parameters, weights, path)
            detector, taps = None, dict[str, Tap]()
            if manifest.detects:
                network = parameters.backbone.model_copy(update={"layers": parameters.detection.layers})
                seen = with_layers(backbone, network, "detection.layers")
                detector = Detector.open(folder / DETECTOR, feature_origin(seen, parameters.detection))
                taps = seen.taps
            grids = {task: GridModel.open(grid_path(folder, task)) for task in manifest.tasks}
        ranker = _create_ranker(manifest.ranking, path)
        return cls(manifest, parameters, backbone, taps, grids, detector, ranker)


def write_bundle(
    folder: Path,
    archive: Path,
    parameters: Parameters,
    categories: tuple[Category, ...],
    grids: Mapping[str, Path],
    detector: Path,
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
    detector
        Store of the detector.
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
        described = {k: v for k, v in parameters.model_dump(mode="json").items() if k not in _LEFT_OUT}
        files = sorted(file for file in draft.rglob("*") if file.is_file())
        manifest = Manifest(
            schema=SCHEMA,
            tasks=tuple(grids),
            network=network,
            regions=Regions(preprocessing["mode"], float(origin["expansion"])),
            categories=categories,
            detects=detects,
            thresholds={"mask": parameters.predict.threshold},
            ranking=Ranking(FEATURES, ranker.knots.tolist(), ranker.values.tolist(), float(ranker.bias)),  # type: ignore[arg-type]
            parameters=described,
            metrics=metrics,
            versions=installed_versions((*RECORDED_PACKAGES, *ENGINE_PACKAGES[parameters.backbone.engine])),
            files={file.relative_to(draft).as_posix(): file_sha256(file) for file in files},
        ).sealed()
        (draft / manifests.NAME).write_bytes(manifest.encode())
        pack(draft, archive)
        publish(draft, folder)
    return manifest


def grid_path(folder: Path, task: str) -> Path:
    """Store of the grids of a task in the folder of a bundle."""
    return folder / "grids" / f"{task}.zarr"


def _create_ranker(ranking: Ranking, path: Path) -> Ranker:
    if ranking.features != FEATURES:
        raise InputError(f"{path}: its ranking of candidates uses other features than this version measures.")
    numbers = {len(row) for row in (*ranking.knots, *ranking.values)}
    if not (len(ranking.knots) == len(ranking.values) == len(FEATURES) and len(numbers) == 1 and all(numbers)):
        raise InputError(f"{path} is damaged: the knots of its ranking do not fit its features.")
    return Ranker(np.array(ranking.knots, dtype=np.float64), np.array(ranking.values, dtype=np.float64), ranking.bias)


def _create_backbone(manifest: Manifest, parameters: Parameters, weights: Path | str | None, path: Path) -> Backbone:
    network = manifest.network
    settings = parameters.backbone.model_copy(update={"layers": network.layers})
    if weights is not None:
        settings = settings.model_copy(update={"weights": "file", "file": str(weights)})
    elif settings.weights == "file" and not is_file(expand_home(settings.file)):
        raise InputError(
            f"{path} needs the weights of {network.name}, which were read from {settings.file}; name the file with "
            "--weights."
        )
    backbone = create_backbone(settings, parameters.seed)
    if backbone.weights_sha256 != network.weights_sha256:
        raise InputError(
            f"{path} was trained with weights of {network.name} whose SHA-256 is {network.weights_sha256}, but those "
            f"{'in ' + str(weights) if weights else 'at hand (' + settings.weights + ')'} have "
            f"{backbone.weights_sha256}; name the file of the right ones with --weights."
        )
    backbone.weights = network.weights  # the same ones, wherever they were found
    return backbone


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
