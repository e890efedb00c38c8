"""Training and prediction work for any task: one that is not built in goes from the store to results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet, Category, Image
from hypercolumns.definitions import TASKS, create_task
from hypercolumns.errors import InputError
from hypercolumns.features.store import FeatureStore
from hypercolumns.features.writer import write_store
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.spec import GridSpec
from hypercolumns.grid.training import train_grids
from hypercolumns.parameters import Parameters, PredictParameters, TrainParameters
from hypercolumns.tasks.prediction import predict
from hypercolumns.tasks.task import Region, coco_result, union

CATEGORIES = (Category(1, "stone"), Category(2, "cat"))
IMAGES = {i: Image(i, f"{i}.jpg", 10, 10) for i in range(12)}
ANNOTATIONS = AnnotationSet((), CATEGORIES, (), ".")


@dataclass(frozen=True)
class BrightnessTask:
    """Predicts whether the first channel is above its mean; the answer is the mean probability, for cats only."""

    annotations: AnnotationSet
    store: Path
    name = "brightness"
    targets = ("bright",)
    categories = CATEGORIES

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        del boxes
        values = FeatureStore.open(self.store).hypercolumns(regions.index.to_numpy(), size)[..., :1].compute()
        return (values > 0).astype(np.int8).transpose(0, 3, 1, 2)

    def targets_of(self, category_id: int) -> Sequence[int]:
        return (0,) if category_id == 2 else ()

    def answer(self, heat: NDArray[np.float32], region: Region) -> Sequence[Mapping[str, Any]]:
        return [coco_result(region.row, {"bright": float(heat.mean())})]


def make_store(path: Path) -> NDArray[np.float64]:
    """Twelve regions, the last six of them cats; returns the mean brightness of each."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"image": np.arange(12), "category": [1] * 6 + [2] * 6, "instance": np.arange(12)})
    table = table.assign(kind="ground_truth", x0=0.0, y0=0.0, x1=10.0, y1=10.0, iou=1.0, score=1.0)
    fine = rng.normal(0, 1, (12, 2, 8, 8)) + np.linspace(-1.5, 1.5, 12)[rng.permutation(12)][:, None, None, None]
    write_store(path, table, {"fine": fine, "top": rng.normal(size=(12, 3, 1, 1))})
    return fine[:, 0].mean(axis=(1, 2))


def test_targets_and_an_answer_are_all_that_a_new_task_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    brightness = make_store(tmp_path / "store.zarr")
    task = BrightnessTask(ANNOTATIONS, tmp_path / "store.zarr")
    training = TrainParameters(grid=2, heat_map=10, pixels_per_region=40, epochs=5)
    with LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster, Client(cluster) as client:
        (model,) = train_grids(
            task.store, task, [GridSpec(("fine", "top"), 2)], training, client, scratch=Path("scratch")
        )
        kept = ("ground_truth",)
        settings, scratch = PredictParameters(superpixels=0), Path("scratch")
        with predict(
            task.store, task, [model, model], settings, client, images=IMAGES, scratch=scratch, keep_heat=kept
        ) as predictions:
            found, again = ({kind: list(p.results()) for kind, p in by_kind.items()} for by_kind in predictions)
            ((rows, heat),) = predictions[0]["ground_truth"].heat_maps()
    assert found == again
    assert found["detection"] == []
    assert [r["instance_id"] for r in found["ground_truth"]] == list(range(6, 12))
    predicted = np.array([r["bright"] for r in found["ground_truth"]])
    assert np.corrcoef(predicted, brightness[6:])[0, 1] > 0.9
    assert rows.tolist() == list(range(12))
    assert heat.shape == (12, 10, 10)
    assert heat[6:].any(axis=(1, 2)).all()
    assert not heat[:6].any()
    assert not list(scratch.glob("predict/*"))  # nothing is kept of a task that cannot be told from others


def test_a_model_of_other_targets_or_categories_is_refused(tmp_path: Path) -> None:
    """Its heat maps would be mistaken for those of other targets."""
    make_store(tmp_path / "store.zarr")
    task = BrightnessTask(ANNOTATIONS, tmp_path / "store.zarr")
    weights = {"fine": np.zeros((1, 1, 1, 2), np.float32)}
    model = GridModel(GridSpec(("fine",), 1), 10, ("dark",), ("all",), {1: 0, 2: 0}, weights, np.zeros((1, 1, 1)))
    with pytest.raises(InputError, match=r"targets dark, but the annotations of .*store\.zarr have bright"):
        refuse(task, model, tmp_path)
    model = replace(model, targets=("bright",), group_of_category={1: 0})
    with pytest.raises(InputError, match=r"knows the categories 1, but .*store\.zarr also has 2"):
        refuse(task, model, tmp_path)


def refuse(task: BrightnessTask, model: GridModel, folder: Path) -> None:
    """Call `predict` with a model that it refuses before it needs a client."""
    settings = PredictParameters(superpixels=0)
    with predict(task.store, task, [model], settings, None, images=IMAGES, scratch=folder):  # type: ignore[arg-type]
        pass


def test_union_keeps_each_name_once_in_order_of_appearance() -> None:
    assert union([("a", "b"), (), ("c", "b")]) == ("a", "b", "c")


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_has_a_section_and_is_refused_without_a_category_annotated_for_it(name: str) -> None:
    assert isinstance(Parameters().task_section(name).baselines, bool)
    if name == "segmentation":
        assert create_task(name, ANNOTATIONS, Parameters()).name == name
    else:
        with pytest.raises(InputError, match=rf"\(cat, stone\).*'{name}'"):
            create_task(name, ANNOTATIONS, Parameters())
