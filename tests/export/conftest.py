"""A pipeline of a few drawn scenes, with grids of all three tasks, and their exports."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from hypercolumns import FeatureStore, GridModel, Parameters, Workspace, heat_maps, steps
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.photographs.of_images import Photographs
from hypercolumns.bundle.bundle import Bundle
from hypercolumns.export.files import export
from hypercolumns.export.source import ExportSource, collect
from hypercolumns.features.warp import warp
from tests.trained_projects import run_to_features

# A network that torch translates in few seconds.
PARAMETERS = {
    "tasks": ["segmentation", "keypoints", "parts"],
    "dataset": {"puppets": {"train_images": 10, "val_images": 4, "width": 160, "height": 128}},
    "proposals": {"max_per_image": 60},
    "backbone": {
        "name": "torchvision:squeezenet1_1",
        "weights": "random",
        "layers": ["features.3", "features.6", "features.7"],
        "input_size": 96,
    },
    "detection": {"source": "ground_truth"},
    "regions": {"minimum_area": 30},
    "train": {"grid": 3, "heat_map": 25},
    "predict": {"superpixels": 0},  # which exported files do not know
    "compute": {"workers": 1, "device": "cpu"},
}
SHARING = {
    "segmentation": {"sharing": "shared"},
    "keypoints": {"sharing": "auto", "sharing_minimum": 12},
    "parts": {"sharing": "per_category"},
}
"""One group of categories; some categories alone; all alone."""


@dataclass(frozen=True)
class Project:
    """The folder of a finished pipeline."""

    folder: Path
    parameters: Parameters
    workspace: Workspace
    export: Callable[..., Path]
    """Exports a task once per arguments: task, format, backbone."""

    def source(self, task: str) -> ExportSource:
        return collect(Bundle.open(self.workspace.bundle), task)

    @property
    def annotations(self) -> AnnotationSet:
        return AnnotationSet.load(self.workspace.annotations("val"))

    @property
    def store(self) -> FeatureStore:
        return FeatureStore.open(self.workspace.features("val"))

    def expected(self, task: str, rows: slice) -> NDArray[np.float32]:
        """The pipeline's heat maps of some rows of the val store."""
        model, store = GridModel.open(self.workspace.model(task)), self.store
        maps = []
        for row in range(rows.start, rows.stop):
            blocks = {layer: store.read(layer, slice(row, row + 1)) for layer in store.layers}
            group = model.group_of_category[int(store.regions["category"][row])]
            maps.append(heat_maps(model, group, blocks, self.parameters.predict.blending))
        return np.concatenate(maps)

    def crops(self, rows: slice) -> NDArray[np.float32]:
        """The crops that the network saw for some rows of the val store."""
        backbone, store = self.source("segmentation").backbone, self.store
        read = [Photographs.of(self.annotations).read(int(image)) for image in store.regions["image"][rows]]
        return warp(read, store.expanded_boxes[rows], 96, backbone.mean).contiguous().numpy()

    def categories(self, task: str, rows: slice) -> NDArray[np.int64]:
        """Positions of the categories of some rows of the val store."""
        ids = [category.id for category in self.source(task).categories]
        return np.array([ids.index(category) for category in self.store.regions["category"][rows]])


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("exported")
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMETERS))
    parameters, workspace = Parameters.load(folder / "params.yaml"), Workspace.at(folder)
    run_to_features(parameters, workspace)
    for task, sharing in SHARING.items():
        training = parameters.train.model_copy(update=sharing)
        steps.train_task(parameters.model_copy(update={"train": training}), workspace, task)
    steps.predict_task(parameters, workspace, "segmentation")
    steps.bundle_models(parameters, workspace)

    @cache
    def exported(task: str, file_format: str, backbone: bool = True) -> Path:
        path = folder / f"{task}-{backbone}.{file_format}"
        export(collect(Bundle.open(workspace.bundle), task), path, file_format, backbone=backbone)
        return path

    return Project(folder, parameters, workspace, exported)
