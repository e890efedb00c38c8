"""The cost of a run: regions, bytes on disk, and minutes by stage."""

import math
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.parameters import BackboneParameters, Parameters
from hypercolumns.workspace import Split

if TYPE_CHECKING:
    from hypercolumns.backbones import Backbone

_COMPRESSION = 1.1
"""Size of the values of blocks that are not zero in memory over their size on disk. Measured; docs/decisions.md."""

_BYTES_PER_PROPOSAL = 20
"""Size of a proposal on disk, with its share of the superpixels. Measured with 2000 for each photograph."""

_BYTES_PER_FEATURE_STORE, _BYTES_PER_PROPOSAL_STORE = 200_000, 75_000
"""Size of the metadata and the indices of shards of a store. Measured."""

_CANDIDATE_BYTES_PER_PIXEL = 7
"""Size of the measured candidates that are kept of a photograph, per pixel of it. Measured."""

_BYTES_PER_DETECTION_MAP = 460_000
"""Size of the default network's maps that are kept of a photograph of short side 480 for the detector. Measured."""

_BYTES_PER_CROP = 7_400
"""Size of the blocks that are kept of a box that the second step of detection sees, with the default network and 3 x 3
cells. Measured."""

_NETWORK_BYTES = {
    "stage0": 7_000,
    "stage1": 58_000,
    "stage2": 210_000,
    "stage3": 980_000,
    "stage4": 2_700_000,
    "stage5": 9_300_000,
    "stage6": 11_700_000,
    "pooled": 13_300_000,
}
"""Size of the default network up to a layer, as an ONNX model."""

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
    """`features` and `proposals`, the stores of both splits below `data`, and `scratch`, the most that `.scratch` holds
    while a stage runs: converted networks, what is kept of the photographs, and an unfinished store or the uncompressed
    training data."""
    seconds: Mapping[str, float]
    """By stage, on the cores of this machine."""

    def as_text(self) -> str:
        """Word the estimate in a few lines."""
        total = sum(self.seconds.values())
        stages = ", ".join(f"{stage} {_duration(seconds)}" for stage, seconds in self.seconds.items())
        features, proposals, scratch = (
            _size(self.bytes_on_disk[name]) for name in ("features", "proposals", "scratch")
        )
        counts = "; ".join(
            f"{split}: {self.photographs[split]} photographs, at most {self.regions[split]} regions"
            for split in self.regions
        )
        disk = f"features about {features}, proposals about {proposals}; .scratch at its peak about {scratch}"
        return f"{counts}\non disk: {disk}\ntime from scratch: about {_duration(total)} ({stages})"


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
        filled = dict.fromkeys(shapes, 1.0)
    else:
        from hypercolumns.features.extraction import block_shapes  # torch takes seconds to import

        forward, filled = measure_pass(backbone)
        shapes = block_shapes(backbone)
    per_instance = 1 + parameters.regions.proposals_per_instance + parameters.regions.jittered_per_instance
    per_instance *= 1 + parameters.regions.mirrored
    counted = sum(not instance.ignore for instance in sets["val"].instances)
    regions: dict[Split, int] = {"train": trained * per_instance, "val": counted + detections}
    photographs: dict[Split, int] = {split: len(annotations.images) for split, annotations in sets.items()}
    raw = {layer: 2 * math.prod(shape) for layer, shape in shapes.items()}  # float16
    packed = sum(raw[layer] * filled[layer] for layer in raw) / _COMPRESSION
    stored = {split: count * packed + _BYTES_PER_FEATURE_STORE for split, count in regions.items()}
    categories = sets["train"].categories
    targets = 1 + max(len({n for c in categories for n in c.keypoints}), len({n for c in categories for n in c.parts}))
    # Training data of a task: the blocks, and labels of all locations as a store and beside the blocks.
    unfinished = regions["train"] * (sum(raw.values()) + 2 * targets * parameters.train.heat_map**2)
    # Blocks that are cut out of whole photographs wait uncompressed until their part of the store is complete.
    waiting = sum(raw.values()) if parameters.regions.mode == "image" else 0
    extracted = [stored[split] + waiting * regions[split] for split in regions]
    total = sum(photographs.values())
    pixels = sum(image.width * image.height for s in sets.values() for image in s.images) / _PHOTOGRAPH_PIXELS
    longest = parameters.proposals.longest_side
    bounded = min(pixels, total * longest * longest * 0.75 / _PHOTOGRAPH_PIXELS)
    owns = parameters.detection.source == "own"
    maps = _BYTES_PER_DETECTION_MAP * (parameters.detection.short_side / 480) ** 2 if owns else 0
    proposals = _BYTES_PER_PROPOSAL * (parameters.proposals.max_per_image or 2000)
    seen_again = _seen_again(parameters, sets)
    converted = _network_bytes(parameters.backbone.layers, backbone)
    converted += (owns + parameters.rescores) * _network_bytes(parameters.detection.layers, backbone)
    converted *= parameters.backbone.engine == "onnxruntime"
    crops = seen_again * _BYTES_PER_CROP * (parameters.rescoring.cells / 3) ** 2
    candidates = bounded * _PHOTOGRAPH_PIXELS * _CANDIDATE_BYTES_PER_PIXEL
    kept = converted + candidates + total * (maps + proposals) + crops
    side = parameters.backbone.input_size
    crop = forward * ((parameters.rescoring.input_size or side) / side) ** 2
    whole = forward * parameters.detection.short_side**2 * 4 / 3 / parameters.backbone.input_size**2
    cores = os.cpu_count() or 1
    tasks = len(parameters.tasks)
    baselines = sum(parameters.task_section(task).baselines for task in parameters.tasks)
    configurations = 2 * len(parameters.backbone.layers) + len(parameters.ablate.grids)
    train, predict = _SECONDS["train"] * regions["train"], _SECONDS["predict"] * regions["val"]
    work = {
        "check": _SECONDS["decode"] * pixels,
        "propose": _SECONDS["propose"] * bounded,
        "detect": (_SECONDS["detect"] + whole) * total if owns else 0.0,
        "rescore": (crop + _SECONDS["warp"]) * seen_again,
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
        bytes_on_disk={
            "features": round(sum(stored.values())),
            "proposals": proposals * total + _BYTES_PER_PROPOSAL_STORE * len(sets),
            "scratch": round(kept + max(unfinished, *extracted)),
        },
        seconds={stage: _START_UP * runs.get(stage, 1) + seconds / cores for stage, seconds in work.items()},
    )


def _network_bytes(layers: Sequence[str], backbone: "Backbone | None") -> int:
    """Size of the converted network up to the last of the layers; of others than the default one, of all of it."""
    if backbone is None or backbone.name == BackboneParameters().name:
        return _NETWORK_BYTES[layers[-1]]
    return sum(tensor.nbytes for tensor in backbone.state_dict().values())


def _seen_again(parameters: Parameters, sets: Mapping[Split, AnnotationSet]) -> float:
    """Estimate the number of boxes that the second step of detection sees."""
    if not parameters.rescores:
        return 0
    settings, limit = parameters.rescoring, parameters.detection.training_regions
    images = len(sets["train"].images)
    share = min(1, parameters.detection.training_images / images) if images else 0
    instances = sum(not instance.ignore for instance in sets["train"].instances)
    per_instance = 1 + settings.positive_per_instance + settings.partial_per_instance
    train = share * (instances * per_instance + images * settings.background_per_image)
    return min(train, limit) + len(sets["val"].images) * settings.boxes_per_image


def measure_pass(backbone: "Backbone", repeats: int = 1) -> tuple[float, dict[str, float]]:
    """Time the forward pass of a region, on one core or on the device, and find each layer's share of values but 0.

    Parameters
    ----------
    backbone
        As `engines.prepare` makes it for crops.
    repeats
        Passes of several regions that are timed.

    Returns
    -------
    seconds : float
        Median time for a region, in a pass of several; processor time on the CPU.
    filled : dict
        Share of values other than 0, by layer.
    """
    import torch

    from hypercolumns.features.passes import REGIONS_PER_PASS

    side = backbone.input_size
    noise = torch.Generator().manual_seed(0)
    images = torch.rand(REGIONS_PER_PASS, 3, side, side, generator=noise).to(backbone.device)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            filled = {layer: (values != 0).float().mean().item() for layer, values in backbone(images).items()}
            times = []
            # Other programs take part of the time of a core, but not of the processor time of this one.
            clock = time.process_time if backbone.device.type == "cpu" else time.perf_counter
            for _ in range(repeats):
                start = clock()
                for values in backbone(images).values():
                    values.sum().item()  # waits for the device
                times.append(clock() - start)
            return statistics.median(times) / REGIONS_PER_PASS, filled
    finally:
        torch.set_num_threads(threads)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count / 1e6, 1):.0f} MB"
