"""Mirrored regions: their features and targets are those of a mirrored photograph."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance, Part
from hypercolumns.errors import InputError
from hypercolumns.features.extraction import extract
from hypercolumns.features.region_source import warped_blocks
from hypercolumns.features.schema import BOX, expanded_boxes
from hypercolumns.features.selection import training_regions
from hypercolumns.parameters import KeypointParameters, Parameters, PredictParameters, RegionParameters
from hypercolumns.tasks.keypoints import KeypointTask
from hypercolumns.tasks.mirroring import mirrored_positions
from hypercolumns.tasks.parts import PartTask
from hypercolumns.tasks.segmentation import SegmentationTask
from hypercolumns.tasks.task import AnnotatedTask
from tests.features.extraction_case import CPU, make_backbone, make_regions, write_photographs

WIDTH, HEIGHT = 60, 40
CAT = Category(1, "cat", ("nose", "left_eye", "right_eye"), parts=("tail", "left_ear", "right_ear"))
SIDES = {"left": "right", "right": "left"}


def mirrored_points(points: tuple[float, ...]) -> tuple[float, ...]:
    """The keypoints of a cat in a mirror: the right eye is where the left one was."""
    rows = np.array(points).reshape(-1, 3)[[0, 2, 1]]
    rows[:, 0] = WIDTH - rows[:, 0]
    return tuple(rows.ravel().tolist())


def cat(in_mirror: bool) -> Instance:
    """A cat that has nothing symmetrical about it, or the cat that a mirror shows."""
    rng = np.random.default_rng(0)

    def mask(x: slice, y: slice) -> masks.RLE:
        shown = np.zeros((HEIGHT, WIDTH), bool)
        shown[y, x] = rng.random((HEIGHT, WIDTH))[y, x] > 0.3
        return masks.encode(shown[:, ::-1] if in_mirror else shown)

    parts = {
        "tail": mask(slice(5, 20), slice(5, 20)),
        "left_ear": mask(slice(30, 36), slice(3, 9)),
        "right_ear": mask(slice(40, 50), slice(22, 30)),
    }
    whole = masks.encode(np.any([masks.decode(code) for code in parts.values()], axis=0))
    names = {name: name for name in parts}
    if in_mirror:
        names |= {"left_ear": "right_ear", "right_ear": "left_ear"}
    points = (12.0, 14.0, 2.0, 31.5, 8.0, 1.0, 44.0, 25.0, 2.0)
    return Instance(
        1,
        1,
        1,
        whole,
        (5, 3, 50, 30),
        1.0,
        keypoints=mirrored_points(points) if in_mirror else points,
        parts=tuple(Part(names[name], code) for name, code in parts.items()),
    )


def void(in_mirror: bool) -> masks.RLE:
    shown = np.zeros((HEIGHT, WIDTH), bool)
    shown[:, 20:25] = True
    return masks.encode(shown[:, ::-1] if in_mirror else shown)


TASKS: dict[str, Callable[[AnnotationSet], AnnotatedTask]] = {
    "segmentation": lambda annotations: SegmentationTask(annotations, PredictParameters()),
    "keypoints": lambda annotations: KeypointTask(annotations, KeypointParameters(radius=0.1)),
    "parts": lambda annotations: PartTask(annotations, PredictParameters()),
}


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("box", [(5, 3, 50, 30), (-4, -3, 41, 35), (30.3, 10, 70.1, 50)])
def test_targets_are_those_of_the_mirrored_photograph(name: str, box: tuple[float, ...]) -> None:
    """With left and right exchanged, also where the box leaves the photograph."""
    region = pd.DataFrame({"instance": [1]})
    found: list[NDArray[np.int8]] = []
    for in_mirror in (False, True):
        image = Image(1, "a.png", WIDTH, HEIGHT, void(in_mirror))
        task = TASKS[name](AnnotationSet((image,), (CAT,), (cat(in_mirror),), "."))
        x0, y0, x1, y1 = box
        seen = (WIDTH - x1, y0, WIDTH - x0, y1) if in_mirror else (x1, y0, x0, y1)
        found.append(task.target_maps(region, np.array([seen], dtype=float), 45))
    assert (found[0] == 1).any()
    assert np.array_equal(found[0], found[1])


def test_left_and_right_change_places_within_a_category() -> None:
    """What one category calls left has no counterpart in another one."""
    categories = (Category(1, "cat", ("left_eye", "nose")), Category(2, "dog", ("right_eye", "left_eye")))
    image = Image(1, "a.png", WIDTH, HEIGHT)
    shown = Instance(1, 1, 1, None, (0, 0, 60, 40), 1.0, keypoints=(10.0, 10.0, 2.0, 40.0, 20.0, 2.0))
    task = TASKS["keypoints"](AnnotationSet((image,), categories, (shown,), "."))
    (maps,) = task.target_maps(pd.DataFrame({"instance": [1]}), np.array([[60.0, 0, 0, 40]]), 20)
    assert task.targets == ("left_eye", "nose", "right_eye")
    assert [bool((of_target == 1).any()) for of_target in maps] == [True, True, False]


def test_blocks_are_those_of_the_mirrored_photograph() -> None:
    rng = np.random.default_rng(0)
    photograph = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    boxes = np.array([[5.0, 3, 50, 30], [-4, -3, 41, 35], [10, 10, 30, 20]])
    in_mirror = np.stack([WIDTH - boxes[:, 2], boxes[:, 1], WIDTH - boxes[:, 0], boxes[:, 3]], axis=1)
    backbone, device = make_backbone(), torch.device("cpu")
    swapped = boxes[:, [2, 1, 0, 3]]
    swapped[2] = boxes[2]  # not all of a batch are mirrored
    found = warped_blocks(backbone, [photograph] * 3, swapped, device)
    expected = warped_blocks(
        backbone, [photograph[:, ::-1].copy()] * 2 + [photograph], np.array([*in_mirror[:2], boxes[2]]), device
    )
    for layer, block in expected.items():
        np.testing.assert_allclose(found[layer], block, rtol=2e-3, atol=2e-3 * np.abs(block).max())


def test_a_store_knows_its_mirrored_regions(tmp_path) -> None:
    """Their blocks and expanded boxes are those of the swapped box; their boxes stay as they are."""
    annotations = write_photographs(tmp_path)
    regions = make_regions(6)
    regions["kind"] = ["ground_truth", "mirrored"] * 3
    store = extract(
        regions, annotations, make_backbone(), tmp_path / "a.zarr", scratch=tmp_path / "s", expansion=1.2, compute=CPU
    )
    assert store.regions["kind"].tolist() == regions["kind"].tolist()
    assert np.array_equal(store.regions[BOX], regions[BOX])
    x0, _, x1, _ = store.expanded_boxes.T
    assert (x0 > x1).tolist() == [False, True] * 3
    plain = extract(
        regions.assign(kind="ground_truth"),
        annotations,
        make_backbone(),
        tmp_path / "b.zarr",
        scratch=tmp_path / "s",
        expansion=1.2,
        compute=CPU,
    )
    for layer in store.layers:
        same = [
            np.array_equal(a, b)
            for a, b in zip(store.read(layer, slice(None)), plain.read(layer, slice(None)), strict=True)
        ]
        assert same == [True, False] * 3, layer


def test_every_training_region_has_a_mirrored_copy() -> None:
    instance = replace(cat(in_mirror=False), area=500.0)
    annotations = AnnotationSet((Image(1, "a.png", WIDTH, HEIGHT),), (CAT,), (instance,), ".")
    settings = RegionParameters(proposals_per_instance=0, jittered_per_instance=1, mirrored=True)
    table = training_regions(annotations, {}, settings, 0)
    assert sorted(table["kind"]) == ["ground_truth", "jittered", "mirrored", "mirrored"]
    mirrored = table["kind"] == "mirrored"
    for name in ("instance", *BOX, "iou"):
        assert sorted(table[name][mirrored]) == sorted(table[name][~mirrored])
    expanded = expanded_boxes(table, 1.2)
    assert sorted(expanded[mirrored][:, 0]) == sorted(expanded[~mirrored][:, 2])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["nose", "left_eye", "right_eye", "left_ear"], [0, 2, 1, 3]),
        (["L_Eye", "R_Eye", "B_Head"], [1, 0, 2]),
        (["RIGHT hand", "LEFT hand", "Lefthand", "Righthand"], [1, 0, 3, 2]),
        (["lear", "rear", "lfleg", "rfleg", "leg", "tail"], [1, 0, 3, 2, 4, 5]),
        (["lamp", "ramp", "eyeL", "eyeR", "TAIL"], [0, 1, 3, 2, 4]),
        (["front_left_door", "front_right_door", "wheel"], [1, 0, 2]),
        (["eye.l", "eye.r", "leye"], [1, 0, 2]),
        (["left_l", "left_r", "right_r"], [0, 2, 1]),
        (["LEft", "Right", "Left"], [0, 2, 1]),
        ([], []),
    ],
)
def test_left_and_right_names_are_exchanged(names: list[str], expected: list[int]) -> None:
    assert mirrored_positions(names) == expected


def test_mirrored_regions_of_whole_photographs_are_refused(tmp_path) -> None:
    """From Python, too, where no parameters are checked."""
    annotations = write_photographs(tmp_path)
    with pytest.raises(InputError, match="Mirrored regions pass the network alone"):
        extract(
            make_regions(4).assign(kind="mirrored"),
            annotations,
            make_backbone(),
            tmp_path / "a.zarr",
            scratch=tmp_path / "s",
            expansion=1.2,
            short_side=96,
            compute=CPU,
        )


def test_whole_photographs_are_not_mirrored() -> None:
    with pytest.raises(Exception, match=r"regions\.mirrored needs regions\.mode warp"):
        Parameters.model_validate({"regions": {"mirrored": True, "mode": "image"}})
