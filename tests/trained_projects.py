"""Finished pipelines of a few drawn scenes with all tasks, their own detector, and a bundle."""

import json
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hypercolumns import Parameters, Workspace, steps
from hypercolumns.annotations.model import AnnotationSet, Image

TASKS = ("segmentation", "keypoints", "parts")

PARAMETERS: dict[str, Any] = {
    "tasks": list(TASKS),
    "dataset": {"puppets": {"train_images": 8, "val_images": 4, "width": 160, "height": 128}},
    "proposals": {"max_per_image": 100},
    "backbone": {
        "name": "efficientnet_lite0",
        "weights": "random",
        "layers": ["stage1", "stage4", "pooled"],
        "input_size": 64,
    },
    "detection": {
        "source": "own",
        "short_side": 128,
        "layers": ["stage4"],
        "max_per_image": 4,
        "training_regions": 1000,
        "iterations": 5,
    },
    "rescoring": {
        "boxes_per_image": 8,
        "input_size": 48,
        "background_per_image": 8,
        "iterations": 5,
    },
    "regions": {"minimum_area": 30},
    "train": {"grid": 2, "heat_map": 20, "pixels_per_region": 20, "epochs": 2},
    "compute": {"workers": 1, "device": "cpu"},
}

KINDS: dict[str, dict[str, Any]] = {
    "warp": {"regions": {"mode": "warp", "mirrored": True}},
    "image": {
        "regions": {"mode": "image", "short_side": 128},
        "predict": {"superpixels": 0},
        "rescoring": {"boxes_per_image": 0},
    },
}
"""Changes of the parameters by name of the project."""


@dataclass(frozen=True)
class TrainedProject:
    """The folder of a finished pipeline."""

    folder: Path
    parameters: Parameters
    workspace: Workspace

    @property
    def val(self) -> AnnotationSet:
        return AnnotationSet.load(self.workspace.annotations("val"))

    def photograph(self, image: Image) -> Path:
        return Path(self.val.image_root) / image.file_name

    @property
    def photographs(self) -> list[Path]:
        return [self.photograph(image) for image in self.val.images]

    @property
    def detections(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.workspace.detections.read_bytes())
        return found


def train_project(folder: Path, kind: str, seed: int = 0) -> TrainedProject:
    """Run the pipeline in a folder, up to its bundle; another seed draws other scenes."""
    content = deepcopy(PARAMETERS) | {"seed": seed}
    for section, changes in KINDS[kind].items():
        content[section] = content.get(section, {}) | changes
    folder.mkdir(exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    parameters, workspace = Parameters.load(folder / "params.yaml"), Workspace.at(folder)
    run_to_features(parameters, workspace)
    for task in TASKS:
        steps.train_task(parameters, workspace, task)
        steps.predict_task(parameters, workspace, task)
    steps.bundle_models(parameters, workspace)
    return TrainedProject(folder, parameters, workspace)


def run_to_features(parameters: Parameters, workspace: Workspace) -> None:
    """Run the steps that come before training."""
    steps.prepare_annotations(parameters, workspace)
    steps.propose_regions(parameters, workspace)
    steps.train_detector(parameters, workspace)
    steps.train_rescorer(parameters, workspace)
    steps.detect_objects(parameters, workspace)
    for split in ("train", "val"):
        steps.extract_features(parameters, workspace, split)
