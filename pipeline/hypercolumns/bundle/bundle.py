"""Open a bundle of trained models."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hypercolumns.annotations.model import Category
from hypercolumns.backbones import Backbone, create_backbone, with_layers
from hypercolumns.backbones.taps import Tap
from hypercolumns.bundle.archive import as_folder
from hypercolumns.bundle.manifest import DETECTOR, NAME, RESCORER, Manifest, Ranking, grid_path
from hypercolumns.detection.crops import rescoring_origin
from hypercolumns.detection.detector import Detector
from hypercolumns.detection.features import feature_origin
from hypercolumns.errors import InputError
from hypercolumns.grid.model import GridModel
from hypercolumns.input_files import expand_home, is_file
from hypercolumns.parameters import Parameters
from hypercolumns.proposals.ranking import FEATURES, Ranker


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
    rescorer: Detector | None
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
            parameters = Parameters.of(manifest.parameters, f"{path}, {NAME}")
            backbone = _create_backbone(manifest, parameters, weights, path)
            detector, taps = None, dict[str, Tap]()
            rescorer = None
            if manifest.detects:
                network = parameters.backbone.model_copy(update={"layers": parameters.detection.layers})
                seen = with_layers(backbone, network, "detection.layers")
                detector = Detector.open(folder / DETECTOR, feature_origin(seen, parameters.detection))
                taps = seen.taps
                if manifest.rescores:
                    origin = rescoring_origin(seen, parameters.detection, parameters.rescoring)
                    rescorer = Detector.open(folder / RESCORER, origin, "rescorer")
            grids = {task: GridModel.open(grid_path(folder, task)) for task in manifest.tasks}
            for grid in grids.values():
                _require_same_tokens(grid, backbone, path)
        ranker = _create_ranker(manifest.ranking, path)
        return cls(manifest, parameters, backbone, taps, grids, detector, rescorer, ranker)


def _require_same_tokens(grid: GridModel, backbone: Backbone, path: Path) -> None:
    """Refuse grids of an earlier version, which took the tokens of transformers without the final norm."""
    trained = grid.features.get("preprocessing", {}).get("normalised", [])
    if changed := [layer for layer in backbone.normalised if layer in grid.spec.layers and layer not in trained]:
        raise InputError(
            f"{path} was trained on tokens of {backbone.name} without its final norm ({', '.join(changed)}), which an "
            "earlier version of this package read; extract the features and train again.",
            "bundle",
        )


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
