"""Warping many boxes at once, as on a GPU, equals warping them one by one on the CPU."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hypercolumns.features import device_warp
from hypercolumns.features.device_warp import warp_on_device
from hypercolumns.features.warp import warp

FILL = (0.5, 0.4, 0.3)

DEVICES = [torch.device("cpu"), *([torch.device("cuda")] if torch.cuda.is_available() else [])]

BOXES = np.array(
    [
        [0, 0, 160, 120],
        [3.25, 4.5, 67, 68.75],
        [-20.3, -7.9, 50.2, 60],
        [80, 3, 80.4, 3.3],
        [120.5, 90.1, 185, 149.9],
        [300, 10, 400, 20],
        [-50.5, -60, -10, -3],
        [-400, -300, 600, 500],
    ]
)


@pytest.fixture(scope="module")
def photographs() -> list[NDArray[np.uint8]]:
    noise = np.random.default_rng(0)
    sides = [(120, 160), (90, 70)]
    return [noise.integers(0, 256, (*sides[i % 2], 3), dtype=np.uint8) for i in range(len(BOXES))]


@pytest.mark.parametrize("device", DEVICES, ids=str)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_it_equals_warping_on_the_cpu(photographs: list[NDArray[np.uint8]], size: int, device: torch.device) -> None:
    warped = warp_on_device(photographs, BOXES, size, FILL, device)
    assert warped.device.type == device.type
    assert warped.is_contiguous(memory_format=torch.channels_last)
    for square, photograph, box in zip(warped.cpu(), photographs, BOXES, strict=True):
        expected = warp([photograph], box[None], size, FILL)[0]
        torch.testing.assert_close(square, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_boxes_do_not_influence_each_other(
    photographs: list[NDArray[np.uint8]], device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = warp_on_device(photographs, BOXES, 33, FILL, device)
    alone = [warp_on_device([photographs[i]], BOXES[i : i + 1], 33, FILL, device) for i in range(len(BOXES))]
    assert torch.equal(together, torch.cat(alone))
    monkeypatch.setattr(device_warp, "MAX_PIXELS", 2 * 120 * 160)
    assert torch.equal(warp_on_device(photographs, BOXES, 33, FILL, device), together)


def test_groups_are_bounded_and_complete() -> None:
    shapes = [(10, 10), (10, 20), (3000, 4000), (5, 5), (5, 5)]
    groups = list(device_warp._groups(shapes, 8))
    assert [i for group in groups for i in range(group.start, group.stop)] == list(range(len(shapes)))
    assert groups == [slice(0, 2), slice(2, 3), slice(3, 5)]
    narrow = [(4000, 1)] * 20
    assert list(device_warp._groups(narrow, 1)) == [slice(0, 20)]
    assert all(
        (group.stop - group.start) * 4000 * 224 <= device_warp.MAX_PIXELS for group in device_warp._groups(narrow, 224)
    )


def test_no_boxes_give_no_crops() -> None:
    assert warp_on_device([], np.empty((0, 4)), 8, FILL, torch.device("cpu")).shape == (0, 3, 8, 8)
