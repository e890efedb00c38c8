"""Ablation and baselines train nothing where there is nothing to learn from or to compare with, and say why."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hypercolumns import Parameters, Workspace, steps
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.features.writer import write_store
from hypercolumns.steps import ablate
from tests.evaluation.scenes_for_evaluation import annotation_set, instance

PARAMETERS = Parameters.model_validate({"tasks": ["segmentation"], "segmentation": {"baselines": True}})
NO_MASK_IN_VAL = "no instance of val that counts has a mask"


def save(workspace: Workspace, train: AnnotationSet, val: AnnotationSet) -> None:
    """Write the annotations, and a train store with a region for each instance of train that counts."""
    train.save(workspace.annotations("train"))
    val.save(workspace.annotations("val"))
    boxes = {i.id: i.box for i in train.instances if not i.ignore}
    table = pd.DataFrame({"image": 1, "category": 1, "instance": list(boxes), "kind": "ground_truth"})
    table[["x0", "y0", "x1", "y1"]] = list(boxes.values())
    table[["iou", "score"]] = 1.0
    write_store(workspace.features("train"), table, {"layer": np.zeros((len(boxes), 2, 3, 3))})


@pytest.fixture
def workspace(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Workspace:
    caplog.set_level(logging.INFO, logger="hypercolumns")
    return Workspace.at(tmp_path)


@pytest.mark.parametrize(
    ("in_train", "in_val", "reason"),
    [
        ({}, None, NO_MASK_IN_VAL),
        ({}, {"crowd": True}, NO_MASK_IN_VAL),
        ({}, {"segmentation": None}, NO_MASK_IN_VAL),
        ({"segmentation": None}, {}, "no training region has a mask"),
    ],
    ids=["unlabelled", "crowd", "boxes", "boxes in train"],
)
def test_without_masks_the_ablation_is_an_empty_list(
    workspace: Workspace, caplog: pytest.LogCaptureFixture, in_train: dict, in_val: dict | None, reason: str
) -> None:
    """A difficult instance with a mask, which neither trains nor counts, makes no difference."""
    difficult = instance(2, (30, 0, 50, 20), difficult=True)
    train = annotation_set(instance(1, (0, 0, 20, 20), **in_train), difficult)
    val = annotation_set(*([] if in_val is None else [instance(1, (0, 0, 20, 20), **in_val)]), difficult)
    save(workspace, train, val)
    assert steps.ablate_layers(PARAMETERS, workspace) == []
    assert json.loads(workspace.metric("ablation").read_text()) == []
    assert [record.getMessage() for record in caplog.records] == [f"ablation: {reason}, so nothing is trained"]


@pytest.mark.parametrize("changes", [None, {"crowd": True}, {"segmentation": None}])
def test_baselines_are_not_trained_without_annotations_of_their_task(
    workspace: Workspace, caplog: pytest.LogCaptureFixture, changes: dict | None
) -> None:
    one = instance(1, (0, 0, 20, 20))
    save(workspace, annotation_set(one), annotation_set(*([] if changes is None else [replace(one, **changes)])))
    assert steps.predict_baselines(PARAMETERS, workspace, "segmentation") == ()
    assert [file.name for file in workspace.baselines("segmentation").iterdir()] == ["README"]
    assert "no instance of val that counts is annotated with segmentation" in caplog.text


def test_adapted_grids_are_compared_as_auto_shares_them(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adapting the grids of every configuration takes too long."""
    shown = annotation_set(instance(1, (0, 0, 20, 20)))
    save(workspace, shown, shown)
    seen = []
    monkeypatch.setattr(ablate, "_compare", lambda parameters, *_: seen.append(parameters.train.sharing) or [])
    for sharing in ("adapted", "shared"):
        steps.ablate_layers(Parameters.model_validate({"train": {"sharing": sharing}}), workspace)
    assert seen == ["auto", "shared"]
