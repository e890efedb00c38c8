"""The cost of a run: regions, bytes on disk, and minutes by stage."""

import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Split

if TYPE_CHECKING:
    from hypercolumns.backbones import Backbone

_COMPRESSION = 2.5
"""Size of blocks in memory over their size on disk. Measured; docs/decisions.md."""

_BYTES_PER_PROPOSAL_SET = 40_000
"""Size of the proposals of a photograph on disk, with 2000 of them. Measured."""

_START_UP = 2.5
"""Seconds that a stage takes without any work. Measured."""

_SECONDS = {
    "decode": 0.01,
    "propose": 0.6,
    "detect": 0.3,
    "forward": 0.011,
    "warp": 0.006,
    "train": 0.004,
    "predict": 0.006,
    "evaluate": 0.002,
}
"""Seconds of one core: per photograph of 500 x 375 pixels (decode, propose, detect without its forward pass), and per
region (forward pass of the default network; warp and write; training of one task with one K; prediction of one task
with one model; evaluation of one task). Measured."""

_PHOTOGRAPH_PIXELS = 500 * 375

_SHAPES = {
    "stage0": (16, 112, 112),
    "stage1": (24, 56, 56),
    "stage2": (40, 28, 28),
    "stage3": (80, 14, 14),
    "stage4": (112, 14, 14),
    "stage5": (192, 7, 7),
    "stage6": (320, 7, 7),
    "pooled": (1280, 1, 1),
}
"""Shapes of the blocks of the default network, by layer."""


@dataclass(frozen=True)
class Cost:
    """Estimated cost of a run; real ones differ by a factor of two with data and machine."""

    photographs: Mapping[Split, int]
    regions: Mapping[Split, int]
    """Rows of the feature stores, at most."""
    bytes_on_disk: Mapping[str, int]
    """By what they hold: `features`, `proposals` and `scratch`, the largest unfinished work of a stage."""
    seconds: Mapping[str, float]
    """By stage, on the cores of this machine."""

    def as_text(self) -> str:
        """Word the estimate in a few lines."""
        total = sum(self.seconds.values())
        stages = ", ".join(f"{stage} {_duration(seconds)}" for stage, seconds in self.seconds.items())
        sizes = ", ".join(f"{name} {_size(count)}" for name, count in self.bytes_on_disk.items())
        counts = "; ".join(
            f"{split}: {self.photographs[split]} photographs, at most {self.regions[split]} regions"
            for split in self.regions
        )
        return f"{counts}\non disk: about {sizes}\ntime from scratch: about {_duration(total)} ({stages})"


def estimate_cost(
    parameters: Parameters,
    sets: Mapping[Split, AnnotationSet],
    trained: int,
    detections: int,
    backbone: "Backbone | None",
) -> Cost:
    """Estimate the cost of a run from the numbers of photographs and regions and from the time of a forward pass.

    Parameters
    ----------
    parameters
        All parameters.
    sets
        The annotations of both splits.
    trained
        Number of instances of train that become regions.
    detections
        Most detections in val.
    backbone
        The network of `extract`, to be measured; None stands for the default one on the CPU, which was.
    """
    if backbone is None:
        forward = _SECONDS["forward"]
        shapes: Mapping[str, tuple[int, int, int]] = {layer: _SHAPES[layer] for layer in parameters.backbone.layers}
    else:
        from hypercolumns.features.extraction import block_shapes  # torch takes seconds to import

        forward, shapes = _seconds_per_region(backbone), block_shapes(backbone)
    per_instance = 1 + parameters.regions.proposals_per_instance + parameters.regions.jittered_per_instance
    counted = sum(not instance.ignore for instance in sets["val"].instances)
    regions: dict[Split, int] = {"train": trained * per_instance, "val": counted + detections}
    photographs: dict[Split, int] = {split: len(annotations.images) for split, annotations in sets.items()}
    features = round(sum(regions.values()) * _bytes_per_region(shapes) / _COMPRESSION)
    total = sum(photographs.values())
    pixels = sum(image.width * image.height for s in sets.values() for image in s.images) / _PHOTOGRAPH_PIXELS
    longest = parameters.proposals.longest_side
    bounded = min(pixels, total * longest * longest * 0.75 / _PHOTOGRAPH_PIXELS)
    whole = forward * parameters.detection.short_side**2 * 4 / 3 / parameters.backbone.input_size**2
    cores = os.cpu_count() or 1
    tasks = len(parameters.tasks)
    baselines = sum(parameters.task_section(task).baselines for task in parameters.tasks)
    configurations = 2 * len(parameters.backbone.layers) + len(parameters.ablate.grids)
    train, predict = _SECONDS["train"] * regions["train"], _SECONDS["predict"] * regions["val"]
    work = {
        "check": _SECONDS["decode"] * pixels,
        "propose": _SECONDS["propose"] * bounded,
        "detect": (_SECONDS["detect"] + whole) * total if parameters.detection.source == "own" else 0.0,
        "extract": (forward + _SECONDS["warp"]) * sum(regions.values()),
        "train": train * tasks,
        "predict": predict * tasks,
        "baselines": 2 * (train + predict) * baselines,
        "evaluate": _SECONDS["evaluate"] * counted * tasks,
        "ablate": configurations * (train + _SECONDS["predict"] * counted) / 2,
        "report": 0.0,
    }
    runs = dict.fromkeys(("train", "predict", "baselines", "evaluate"), tasks)
    return Cost(
        photographs=photographs,
        regions=regions,
        bytes_on_disk={"features": features, "proposals": _BYTES_PER_PROPOSAL_SET * total, "scratch": features},
        seconds={stage: _START_UP * runs.get(stage, 1) + seconds / cores for stage, seconds in work.items()},
    )


def _bytes_per_region(shapes: Mapping[str, tuple[int, int, int]]) -> int:
    """Size of the float16 blocks of a region in memory."""
    return 2 * sum(math.prod(shape) for shape in shapes.values())


def _seconds_per_region(backbone: "Backbone") -> float:
    """Time one forward pass of one region on one core, or on the device."""
    import torch

    from hypercolumns.features.passes import REGIONS_PER_PASS

    side = backbone.input_size
    images = torch.zeros(REGIONS_PER_PASS, 3, side, side, device=backbone.device)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            backbone(images)
            start = time.perf_counter()
            for layer in backbone(images).values():
                layer.sum().item()  # waits for the device
            return (time.perf_counter() - start) / REGIONS_PER_PASS
    finally:
        torch.set_num_threads(threads)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count / 1e6, 1):.0f} MB"
