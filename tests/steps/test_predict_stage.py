"""The stage `predict`: what a killed run has finished is not predicted again, and damaged models are named."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from distributed import Client

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.definitions import TASKS, register_task
from hypercolumns.errors import InputError
from hypercolumns.features.store import FeatureStore
from hypercolumns.features.writer import write_store
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.spec import GridSpec
from hypercolumns.parameters import Parameters
from hypercolumns.scratch.digests import digest
from hypercolumns.steps import predict as step
from hypercolumns.steps import predict_task
from hypercolumns.tasks import prediction, remote
from hypercolumns.workspace import Workspace
from stages.predict import main
from tests.damages import DAMAGES
from tests.reporting.page_project import squares

pytestmark = pytest.mark.usefixtures("project")

PARAMETERS = Parameters.model_validate({"predict": {"superpixels": 0}, "compute": {"workers": 1}})
WORKSPACE = Workspace()
DETECTIONS = 188
KEPT_BEFORE_KILL = 2

KILLED = f"""
import os
import signal
from hypercolumns.tasks import prediction, remote
from stages.predict import main

save, saved = prediction.save_arrays, []

def save_until_killed(path, arrays):
    save(path, arrays)
    saved.append(path)
    if len(saved) == {KEPT_BEFORE_KILL}:
        os.killpg(0, signal.SIGKILL)

if __name__ == "__main__":
    prediction.save_arrays = save_until_killed
    main(["--task", "segmentation"])
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs of the stage, as the current folder: 200 regions, in four parts, and a random model."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("predict: {superpixels: 0}\ncompute: {workers: 1}\n")
    annotations = squares()
    annotations.save(WORKSPACE.annotations("val"))
    rng = np.random.default_rng(0)
    rows = [(i.image_id, i.category_id, i.id, "ground_truth", *i.box) for i in annotations.instances]
    rows += [(*row[:2], -1, "detection", *row[4:]) for row in rows * (DETECTIONS // len(rows) + 1)][:DETECTIONS]
    table = pd.DataFrame(rows, columns=["image", "category", "instance", "kind", "x0", "y0", "x1", "y1"])
    table = table.assign(iou=1.0, score=rng.uniform(size=len(table))).sort_values("category", ignore_index=True)
    write_store(WORKSPACE.features("val"), table, {"map": rng.normal(size=(len(table), 3, 4, 4))})
    weights, bias = rng.normal(size=(1, 1, 4, 3)), rng.normal(size=(1, 1, 4))
    model = GridModel(
        spec=GridSpec(("map",), 2),
        heat_map=10,
        targets=("figure",),
        groups=("all",),
        group_of_category={1: 0, 2: 0},
        weights={"map": weights.astype(np.float32)},
        bias=bias.astype(np.float32),
    )
    model.save(WORKSPACE.model("segmentation"))


@pytest.fixture
def predicted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Parts that are predicted, by their first row; the worker is a thread of this process."""
    starts: list[int] = []
    predict_part = remote._predict_part

    def counting(job: object, piece: object, store: object, rows: slice, *others: object) -> object:
        starts.append(rows.start)
        return predict_part(job, piece, store, rows, *others)  # type: ignore[arg-type]

    @contextmanager
    def connect(*_: object) -> Iterator[Client]:
        with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
            yield client

    monkeypatch.setattr(remote, "_predict_part", counting)
    monkeypatch.setattr(step, "connect", connect)
    return starts


def interrupt_at_part(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Interrupt the prediction when it is about to keep its `number`-th part."""
    save, saved = prediction.save_arrays, []

    def interrupting(path: Path, arrays: object) -> None:
        if len(saved) + 1 == number:
            raise KeyboardInterrupt
        saved.append(path)
        save(path, arrays)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(prediction, "save_arrays", interrupting)
        with pytest.raises(KeyboardInterrupt):
            predict_task(PARAMETERS, WORKSPACE, "segmentation")


def shard(array: Path) -> Path:
    """File of the only shard of an array."""
    (file,) = (file for file in (array / "c").rglob("*") if file.is_file())
    return file


def test_a_killed_run_resumes_and_gives_the_same_bytes(predicted: list[int]) -> None:
    """After SIGKILL to all its processes, the next run predicts the other parts alone."""
    predict_task(PARAMETERS, WORKSPACE, "segmentation")
    results = WORKSPACE.predictions("segmentation").parent
    expected, starts = digest(results), sorted(predicted)
    assert starts == [0, 64, 128, 192]
    shutil.rmtree(WORKSPACE.scratch)
    shutil.rmtree(results)
    predicted.clear()
    Path("killed.py").write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run(
        [sys.executable, "killed.py"], env=environment, capture_output=True, check=False, start_new_session=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    kept = {int(file.stem) for file in WORKSPACE.scratch.rglob("*.npz")}
    assert len(kept) == KEPT_BEFORE_KILL
    predict_task(PARAMETERS, WORKSPACE, "segmentation")
    assert sorted(predicted) == sorted(set(starts) - kept)
    assert digest(results) == expected
    predict_task(PARAMETERS, WORKSPACE, "segmentation")
    assert len(predicted) == len(set(starts) - kept)


@pytest.mark.parametrize("changed", ["model", "features", "annotations", "threshold", "nothing"])
def test_kept_parts_serve_only_the_same_inputs(
    predicted: list[int], monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """Another model, store, annotations or parameters start from nothing."""
    parameters = PARAMETERS
    interrupt_at_part(monkeypatch, 3)
    if changed == "model":
        model = GridModel.open(WORKSPACE.model("segmentation"))
        replace(model, bias=model.bias + 1).save(WORKSPACE.model("segmentation"))
    elif changed == "features":
        store = FeatureStore.open(WORKSPACE.features("val"))
        regions, blocks = store.regions, {"map": store.read("map", slice(0, len(store))) + 1}
        shutil.rmtree(store.path)
        write_store(store.path, regions, blocks)
    elif changed == "annotations":
        annotations = AnnotationSet.load(WORKSPACE.annotations("val"))
        images = tuple(replace(image, width=image.width + 1) for image in annotations.images)
        replace(annotations, images=images).save(WORKSPACE.annotations("val"))
    elif changed == "threshold":
        parameters = PARAMETERS.model_copy(update={"predict": PARAMETERS.predict.model_copy(update={"threshold": 0.7})})
    predicted.clear()
    predict_task(parameters, WORKSPACE, "segmentation")
    assert len(predicted) == (2 if changed == "nothing" else 4)


def test_tasks_that_are_not_part_of_the_package_keep_nothing(
    predicted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their code may change between two runs, as it does in a notebook."""
    built_in = TASKS["segmentation"]
    monkeypatch.setitem(TASKS, "segmentation", built_in)  # restores it afterwards
    register_task(replace(built_in, create=lambda annotations, parameters: built_in.create(annotations, parameters)))
    interrupt_at_part(monkeypatch, 3)
    predicted.clear()
    predict_task(PARAMETERS, WORKSPACE, "segmentation")
    assert len(predicted) == 4
    assert not list(WORKSPACE.scratch.rglob("*.npz"))


def test_a_damaged_kept_part_is_predicted_again(predicted: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage to what is kept costs time and changes no byte."""
    predict_task(PARAMETERS, WORKSPACE, "segmentation")
    expected = digest(WORKSPACE.predictions("segmentation").parent)
    for damage in DAMAGES:
        shutil.rmtree(WORKSPACE.scratch)
        interrupt_at_part(monkeypatch, 3)
        damage(next(WORKSPACE.scratch.rglob("*.npz")))
        predicted.clear()
        predict_task(PARAMETERS, WORKSPACE, "segmentation")
        assert len(predicted) == 3
        assert digest(WORKSPACE.predictions("segmentation").parent) == expected


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("array", ["weights/map", "bias"])
def test_a_damaged_model_is_named_with_array_shard_and_cure(damage: Callable[[Path], None], array: str) -> None:
    """In one paragraph, before anything is predicted."""
    damage(shard(WORKSPACE.model("segmentation") / array))
    result = CliRunner().invoke(main, ["--task", "segmentation"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: data/models/segmentation.zarr is damaged: ")
    assert f"shard 0 of the array '{array}'" in result.output
    assert "`hypercolumns verify data/models/segmentation.zarr`" in result.output
    assert len(result.output.splitlines()) == 1
    assert not WORKSPACE.predictions("segmentation").exists()


@pytest.mark.usefixtures("predicted")
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_features_are_named_by_the_worker_that_reads_them(damage: Callable[[Path], None]) -> None:
    damage(shard(WORKSPACE.features("val") / "blocks/map"))
    with pytest.raises(InputError, match=r"val\.zarr is damaged: shard 0 of the array 'blocks/map' .* verify"):
        predict_task(PARAMETERS, WORKSPACE, "segmentation")
