"""Extraction: regions per second, decoding to written shard, over the bare forward pass of the same network."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from benchmarks.figures import Figure, Goal, Section
from benchmarks.inputs import regions_of, scenes, synthetic_regions
from benchmarks.measuring import apart, interleaved, ratio
from benchmarks.sizes import Sizes
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import Backbone, create_backbone
from hypercolumns.features import writer
from hypercolumns.features.extraction import PASS, extract
from hypercolumns.features.half import LARGEST
from hypercolumns.features.photographs import Photographs
from hypercolumns.features.schema import BOX, n_shards, shard_rows
from hypercolumns.features.warp import warp
from hypercolumns.parameters import BackboneParameters, ComputeParameters
from hypercolumns.regions import boxes

EXPANSION = 1.2

CPU_GOAL = Goal("at least", 0.92)
CUDA_GOAL = Goal("at least", 0.85)

ON_CUDA = {
    "AlexNet": BackboneParameters(name="alexnet", weights="random", layers=("pool2", "conv4", "fc7")),
    "VGG-16": BackboneParameters(name="vgg16", weights="random", layers=("pool3", "pool4", "fc7")),
    "ViT-S/16": BackboneParameters(
        name="timm:vit_small_patch16_224", weights="random", layers=("blocks.3", "blocks.7", "blocks.11")
    ),
}


def default_backbone() -> Backbone:
    """EfficientNet-Lite0 with the weights of its package and the default layers."""
    return create_backbone(BackboneParameters())


def figures(sizes: Sizes) -> Section:
    """The ratio on the CPU with the default network, and on CUDA, where there is one, with three others."""
    found: list[Figure] = []
    missing: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        annotations = scenes(Path(folder) / "scenes", sizes.photographs)
        regions = regions_of(annotations, sizes.extraction_regions)
        case = _Case(default_backbone(), annotations, regions, "cpu", Path(folder))
        found += _of_network(case, "EfficientNet-Lite0", sizes.repeats, CPU_GOAL)
        found.append(_on_one_thread(case, sizes.repeats))
        if torch.cuda.is_available():
            for name, settings in ON_CUDA.items():
                case = _Case(create_backbone(settings), annotations, regions, "cuda", Path(folder))
                found += _of_network(case, name, sizes.repeats, CUDA_GOAL)
        else:
            missing.append(f"No GPU: {', '.join(ON_CUDA)} on CUDA are not measured (goal {CUDA_GOAL.bound} each).")
    return Section(
        "Extraction",
        f"{len(regions)} regions of {len(annotations.images)} drawn scenes of 320 x 240 pixels (JPEG), "
        f"{torch.get_num_threads()} threads of torch, {PASS} regions per forward pass, channels last; float32 on the "
        "CPU, autocast to float16 on CUDA. Extraction decodes, warps, runs the network and writes the store; the "
        "bare forward pass runs the network on crops that lie in memory. On the CPU all of it shares the same cores: "
        "what the parts take alone, on all cores, says how much there is to hide.",
        tuple(found),
        tuple(missing),
    )


@dataclass(frozen=True)
class _Case:
    backbone: Backbone
    annotations: AnnotationSet
    regions: pd.DataFrame
    device: str
    folder: Path


def _of_network(case: _Case, name: str, repeats: int, goal: Goal) -> list[Figure]:
    crops = _noise(case)
    case.backbone.to(case.device)
    ways: dict[str, Callable[[], object]] = {
        "extraction": lambda: _extract(case),
        "forward": lambda: _forward(case, crops),
        "crops": lambda: _crops(case),
        "writing": lambda: _write(case, crops),
    }
    times = interleaved(ways, repeats)
    count = len(case.regions)
    speed = {way: count / float(np.median(values)) for way, values in times.items()}
    share = {way: ratio(times[way], times["forward"]) for way in ("crops", "writing")}
    where = "CPU" if case.device == "cpu" else torch.cuda.get_device_name()
    return [
        Figure(
            f"{name}, {where}: extraction, of the bare forward pass",
            ratio(times["forward"], times["extraction"]),
            "x",
            f"{speed['extraction']:.1f} of {speed['forward']:.1f} regions/s",
            goal,
            f"alone, decoding and warping take {share['crops']:.1%} of the forward pass' time and writing "
            f"{share['writing']:.1%}, on cores that the network uses already: doing them in turn with it would give "
            f"{1 / (1 + sum(share.values())):.2f}",
        ),
        Figure(
            f"{name}, {where}: regions per second",
            speed["extraction"],
            "regions/s",
            f"bare forward pass {speed['forward']:.1f} regions/s",
        ),
        Figure(f"{name}, {where}: decoding and warping alone, of the forward pass", share["crops"], "x"),
        Figure(f"{name}, {where}: converting and writing alone, of the forward pass", share["writing"], "x"),
    ]


def _on_one_thread(case: _Case, repeats: int) -> Figure:
    """The same ratio with one thread for the network: what hides when there are cores that it does not use."""
    times = apart(_alone, case.folder, case.annotations, case.regions, repeats).result
    own, forward = (len(case.regions) / float(np.median(times[way])) for way in ("extraction", "forward"))
    return Figure(
        "EfficientNet-Lite0, CPU: extraction, of the bare forward pass, one thread for the network",
        ratio(times["forward"], times["extraction"]),
        "x",
        f"{own:.1f} of {forward:.1f} regions/s",
    )


def _alone(
    folder: Path, annotations: AnnotationSet, regions: pd.DataFrame, repeats: int
) -> dict[str, NDArray[np.float64]]:
    case = _Case(default_backbone(), annotations, regions, "cpu", folder)
    crops = _noise(case)
    return interleaved({"extraction": lambda: _extract(case), "forward": lambda: _forward(case, crops)}, repeats)


def _noise(case: _Case) -> torch.Tensor:
    """Crops for a forward pass."""
    crops = torch.rand(PASS, 3, case.backbone.input_size, case.backbone.input_size, device=case.device)
    return crops.contiguous(memory_format=torch.channels_last)


def _extract(case: _Case) -> None:
    out = case.folder / "extracted.zarr"
    shutil.rmtree(out, ignore_errors=True)
    compute = ComputeParameters(device="cpu" if case.device == "cpu" else "cuda")
    extract(
        case.regions,
        case.annotations,
        case.backbone,
        out,
        scratch=case.folder / "scratch",
        expansion=EXPANSION,
        compute=compute,
    )


def _forward(case: _Case, crops: torch.Tensor) -> None:
    """As many forward passes as extraction needs, in the same precision."""
    cuda = case.device == "cuda"
    with torch.inference_mode(), torch.autocast(case.device, torch.float16, enabled=cuda):
        for shard in range(n_shards(len(case.regions))):
            rows = shard_rows(shard, len(case.regions))
            for _ in range(rows.start, rows.stop, PASS):
                case.backbone(crops)
    if cuda:
        torch.cuda.synchronize()


def _crops(case: _Case) -> None:
    """Decode and warp every region, on the CPU and one thread's turn after the other."""
    photographs = Photographs(case.annotations)
    wide = boxes.expand(case.regions[BOX].to_numpy(), EXPANSION)
    for image, box in zip(case.regions["image"], wide, strict=True):
        photo = torch.from_numpy(photographs.read(int(image)))
        warp(photo, [box], case.backbone.input_size, case.backbone.mean)


def _write(case: _Case, crops: torch.Tensor) -> None:
    """Convert one pass' maps as often as extraction does and write them, without the forward pass' own time."""
    path = case.folder / "written.zarr"
    shutil.rmtree(path, ignore_errors=True)
    with torch.inference_mode():
        maps = {name: m.float().cpu() for name, m in case.backbone(crops).items()}
    count = len(case.regions)
    writer.create(path, synthetic_regions(count), {name: tuple(m.shape[1:]) for name, m in maps.items()}, EXPANSION)
    for shard in range(n_shards(count)):
        rows = shard_rows(shard, count)
        passes = -(-(rows.stop - rows.start) // PASS)
        halves = {
            name: torch.cat([m.clamp(-LARGEST, LARGEST).half().contiguous() for _ in range(passes)])
            for name, m in maps.items()
        }
        writer.write_shard(path, shard, {name: m[: rows.stop - rows.start].numpy() for name, m in halves.items()})
