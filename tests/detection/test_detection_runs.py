"""Training and detection give the same bytes however they run, and compute no photograph's maps twice."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from hypercolumns.annotations.results import write_results
from hypercolumns.backbones import Backbone, conversion, create_backbone
from hypercolumns.detection import detector, features, linear_models, run, training
from hypercolumns.parameters import BackboneParameters, DetectionParameters
from tests.detection.detection_scenes import candidates, draw, scenes

TRAIN, VAL = 6, 3
"""Photographs of each split."""
SETTINGS = DetectionParameters(
    layers=("stage1", "stage3"), short_side=96, training_regions=400, iterations=10, max_per_image=5
)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    network = BackboneParameters(name="efficientnet_lite0", weights="random", layers=SETTINGS.layers)
    return create_backbone(network, 0, "detection.layers")


@dataclass
class Project:
    """Photographs on which the detector is run, with a count of what was computed."""

    folder: Path
    backbone: Backbone
    monkeypatch: pytest.MonkeyPatch
    settings: DetectionParameters = SETTINGS
    train: int = TRAIN
    maps: int = 0
    """Photographs whose maps the last run computed."""
    trained: int = 0
    """Detectors that the last run trained."""

    def __post_init__(self) -> None:
        for split, count, seed in (("train", TRAIN + 1, 0), ("val", VAL, 1)):
            (self.folder / split).mkdir()
            draw(scenes(count, seed), self.folder / split)

    @property
    def cache(self) -> Path:
        return self.folder / "scratch" / run.MAPS

    def converted(self) -> list[Path]:
        """Files of the converted network."""
        return sorted((self.folder / "scratch" / conversion.FOLDER).rglob("*"))

    def kept(self) -> list[Path]:
        """Files of the maps that are kept."""
        return sorted(path for path in self.cache.rglob("*") if path.is_file())

    def run(self, scratch: str = "scratch") -> bytes:
        """Return the bytes of the file of detections, and count what is computed."""
        self.maps = self.trained = 0
        annotations = {
            "train": scenes(self.train, 0, root=str(self.folder / "train")),
            "val": scenes(VAL, 1, root=str(self.folder / "val")),
        }
        with self.monkeypatch.context() as patch:
            patch.setattr(features, "photograph_maps", self._counting("maps", features.photograph_maps))
            patch.setattr(run, "train_detector", self._counting("trained", run.train_detector))
            given = {
                split: run.DetectionInput(
                    split,
                    of_split,
                    partial(candidates, of_split),
                    self.backbone,
                    self.settings,
                    torch.device("cpu"),
                    self.folder / scratch,
                )
                for split, of_split in annotations.items()
            }
            learned = run.train(given["train"], 0)
            found = run.detect(given["val"], learned)
        write_results(found, self.folder / "val.json")
        return (self.folder / "val.json").read_bytes()

    def interrupt(self, module: object, name: str, call: int) -> None:
        """Run until the function `name` is called for this time."""
        function, calls = getattr(module, name), 0

        def interrupted(*args: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == call:
                raise KeyboardInterrupt
            return function(*args, **options)

        with self.monkeypatch.context() as patch:
            patch.setattr(module, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                self.run()

    def _counting(self, name: str, function: Callable) -> Callable:
        def count(*args: Any, **options: Any) -> Any:
            result = function(*args, **options)
            setattr(self, name, getattr(self, name) + 1)
            return result

        return count


@pytest.fixture
def project(tmp_path: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, backbone, monkeypatch)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, backbone: Backbone) -> bytes:
    """Detections of a run with an empty scratch folder."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return Project(tmp_path_factory.mktemp("undisturbed"), backbone, monkeypatch).run()


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_the_number_of_cores_does_not_change_a_byte(
    project: Project, undisturbed: bytes, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    """Streams, slices and the libraries of linear algebra run on as many threads."""
    # Several slices of each kind, the sizes of which must not depend on the number of cores either.
    assert project.settings.training_regions > linear_models.ROWS_PER_SLICE
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    before = torch.get_num_threads()
    torch.set_num_threads(cores)
    try:
        with threadpool_limits(cores, "blas"):
            assert project.run() == undisturbed
        assert torch.get_num_threads() == cores
    finally:
        torch.set_num_threads(before)


def test_linear_algebra_runs_on_one_thread(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks the libraries, since several threads round differently only on some machines and for large matrices."""
    seen = []

    def record(*args: Any) -> linear_models.BoxRegressor:
        seen.append({library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"})
        return linear_models.fit_regressor(*args)

    monkeypatch.setattr(training, "fit_regressor", record)
    with threadpool_limits(2, "blas"):
        project.run()
    assert seen == [{1}]


@pytest.mark.parametrize(
    ("module", "name", "call"),
    [
        (features, "photograph_maps", 4),
        (training, "fit_classifiers", 1),
        (training, "fit_classifiers", 2),
        (training, "fit_regressor", 1),
    ],
)
def test_a_run_interrupted_in_training_computes_no_maps_twice(
    project: Project, undisturbed: bytes, module: object, name: str, call: int
) -> None:
    """Both runs together compute the maps of every photograph once."""
    project.interrupt(module, name, call)
    computed = project.maps
    assert project.run() == undisturbed
    assert computed + project.maps == TRAIN + VAL
    assert project.trained == 1


def test_a_run_interrupted_in_detecting_computes_no_maps_twice(project: Project, undisturbed: bytes) -> None:
    project.interrupt(detector, "best_boxes", 2)
    computed = project.maps
    assert project.run() == undisturbed
    assert computed + project.maps == TRAIN + VAL


def _flip(path: Path, share: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(share * (len(content) - 1))] ^= 4
    path.write_bytes(content)


def test_damaged_maps_are_computed_again(project: Project, undisturbed: bytes) -> None:
    """A flipped bit anywhere, a shorter file, and a file that is missing."""
    project.run()
    files = project.kept()
    before = [file.read_bytes() for file in files]
    assert len(files) == TRAIN + VAL
    for file, share in zip(files, (0, 0.3, 0.9, 1), strict=False):
        _flip(file, share)
    os.truncate(files[4], 1000)
    os.truncate(files[5], 0)
    files[6].unlink()
    assert project.run() == undisturbed
    assert project.maps == 7
    assert [file.read_bytes() for file in project.kept()] == before


def test_one_more_photograph_costs_one_photograph(project: Project) -> None:
    """Its maps are computed, those of all others are kept, and the bytes are those of a run from scratch."""
    project.run()
    project.train += 1
    found = project.run()
    assert project.maps == 1
    assert len(project.kept()) == TRAIN + 1 + VAL
    assert found == project.run("fresh scratch")
    assert project.maps == TRAIN + 1 + VAL


def test_a_photograph_that_changed_is_computed_again(project: Project) -> None:
    """Its name stays; what was kept of its former content goes."""
    project.run()
    former = {file.name for file in project.kept()}
    (project.folder / "val" / "2.png").write_bytes((project.folder / "train" / f"{TRAIN + 1}.png").read_bytes())
    found = project.run()
    assert project.maps == 1
    assert len({file.name for file in project.kept()} - former) == 1
    assert len(project.kept()) == TRAIN + VAL
    assert found == project.run("fresh scratch")


def test_parameters_of_learning_compute_no_maps(project: Project) -> None:
    """Maps depend on the photographs and the network alone."""
    project.run()
    for change in ({"penalty": 0.3}, {"cells": 2}):
        project.settings = SETTINGS.model_copy(update=change)
        project.run()
        assert (project.maps, project.trained) == (0, 1)


def test_the_scratch_folder_does_not_grow_with_the_number_of_runs(project: Project) -> None:
    """It keeps the maps of the last run alone, whatever ran or was interrupted before."""
    project.run()
    files, converted = project.kept(), project.converted()
    for short_side in (64, 128):
        project.settings = SETTINGS.model_copy(update={"short_side": short_side})
        project.interrupt(detector, "best_boxes", 2)
    project.settings = SETTINGS
    for _ in range(2):
        project.run()
        assert project.kept() == files
        assert project.converted() == converted
        assert {path.name for path in (project.folder / "scratch").iterdir()} == {run.MAPS, conversion.FOLDER, "lock"}
