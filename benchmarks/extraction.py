"""Extraction: regions per second from decoding to the written shard, relative to the network's bare forward pass."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from distributed import Client
from numpy.typing import NDArray

from benchmarks.figures import Figure, Goal, Section
from benchmarks.inputs import draw_scenes, make_regions, no_digests, synthetic_regions
from benchmarks.measuring import in_new_process, interleaved, median_ratio
from benchmarks.sizes import Sizes
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.photographs.of_images import Photographs
from hypercolumns.backbones import Backbone, create_backbone
from hypercolumns.features import passes
from hypercolumns.features.device_warp import warp_on_device
from hypercolumns.features.extraction import extract
from hypercolumns.features.passes import REGIONS_PER_PASS
from hypercolumns.features.region_source import PhotographCache
from hypercolumns.features.schema import BOX, parts
from hypercolumns.features.warp import warp
from hypercolumns.features.writer import FeatureStoreWriter
from hypercolumns.parameters import BackboneParameters, ComputeParameters
from hypercolumns.regions import boxes
from hypercolumns.stores.writing import CODING_THREADS

EXPANSION = 1.2
"""Factor by which the sides of a box are scaled, the default."""

DEFAULT = "EfficientNet-Lite0"
"""Name of the default network."""

CPU_GOAL = Goal("at least", 1.6)
CUDA_GOAL = Goal("at least", 0.85)

CUDA_FACTOR = 8
"""Times as many photographs and regions on CUDA, where the start of a run would otherwise take most of the time."""

CUDA_BACKBONES = {
    "AlexNet": BackboneParameters(name="alexnet", weights="random", layers=("pool2", "conv4", "fc7")),
    "VGG-16": BackboneParameters(name="vgg16", weights="random", layers=("pool3", "pool4", "fc7")),
    "ViT-S/16": BackboneParameters(
        name="timm:vit_small_patch16_224", weights="random", layers=("blocks.3", "blocks.7", "blocks.11")
    ),
}


def default_backbone() -> Backbone:
    """Create EfficientNet-Lite0 with the weights of its package and the default layers."""
    return create_backbone(BackboneParameters())


def figures(sizes: Sizes) -> Section:
    """Measure the default network on the CPU and, where there is CUDA, three other networks there."""
    results: list[Figure] = []
    missing: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(Path(folder), sizes):
            results += _compare(case, sizes.repeats, CPU_GOAL if case.device == "cpu" else CUDA_GOAL)
            if case.device == "cpu":
                results.append(_compare_on_one_thread(case, sizes.repeats))
    if not torch.cuda.is_available():
        missing.append(f"No GPU: {', '.join(CUDA_BACKBONES)} on CUDA are not measured (goal {CUDA_GOAL.bound} each).")
    return Section(
        "Extraction",
        f"{sizes.extraction_regions} regions of {sizes.photographs} drawn scenes of 320 x 240 pixels (JPEG), on CUDA "
        f"{CUDA_FACTOR} times as many; {torch.get_num_threads()} threads of torch, {REGIONS_PER_PASS} regions per "
        "forward pass, channels last; float32 on the CPU, autocast to float16 on CUDA. On the CPU extraction runs the "
        "network in ONNX Runtime, and the bare forward pass runs it in PyTorch; on CUDA extraction replays a recorded "
        "pass (CUDA graph). Extraction decodes, warps, runs the network and writes the store; the bare forward pass "
        "runs the network on crops that are in memory. The times of decoding with warping, and of writing, alone, say "
        "how much there is to hide; on the CPU they share the cores with the network.",
        tuple(results),
        tuple(missing),
    )


@dataclass(frozen=True)
class Case:
    """Regions that a network is run over."""

    name: str
    """Name of the network."""
    backbone: Backbone
    annotations: AnnotationSet
    regions: pd.DataFrame
    device: str
    folder: Path
    """Folder for the store, which is written anew each time, and for the converted network."""

    @property
    def place(self) -> str:
        """Name of the device."""
        return "CPU" if self.device == "cpu" else torch.cuda.get_device_name()


def cases(folder: Path, sizes: Sizes) -> Iterator[Case]:
    """Yield the default network on the CPU and, where there is CUDA, three other networks there."""
    annotations = draw_scenes(folder / "scenes", sizes.photographs)
    regions = make_regions(annotations, sizes.extraction_regions)
    yield Case(DEFAULT, default_backbone(), annotations, regions, "cpu", folder)
    if torch.cuda.is_available():
        annotations = draw_scenes(folder / "more-scenes", CUDA_FACTOR * sizes.photographs)
        regions = make_regions(annotations, CUDA_FACTOR * sizes.extraction_regions)
        for name, settings in CUDA_BACKBONES.items():
            yield Case(name, create_backbone(settings), annotations, regions, "cuda", folder)


def _compare(case: Case, repeats: int, goal: Goal) -> list[Figure]:
    """Compare extraction with the bare forward pass, and the other parts of extraction with it."""
    crops = _random_crops(case)
    case.backbone.to(case.device)
    ways: dict[str, Callable[[], object]] = {
        "extraction": lambda: extract_anew(case),
        "forward": lambda: _forward(case, crops),
        "crops": lambda: _decode_and_warp(case),
        "writing": lambda: _convert_and_write(case, crops),
    }
    times = interleaved(ways, repeats)
    count = len(case.regions)
    speed = {way: count / float(np.median(values)) for way, values in times.items()}
    share = {way: median_ratio(times[way], times["forward"]) for way in ("crops", "writing")}
    label = f"{case.name}, {case.place}"
    cores = "on cores that the network uses too" if case.device == "cpu" else f"on {CODING_THREADS} cores at most"
    return [
        Figure(
            f"{label}: extraction speed, relative to the bare forward pass",
            median_ratio(times["forward"], times["extraction"]),
            "x",
            f"{speed['extraction']:.1f} of {speed['forward']:.1f} regions/s",
            goal,
            f"Alone, decoding and warping take {share['crops']:.2f} x the time of the forward pass, and writing, which "
            f"compresses every value {cores}, {share['writing']:.2f} x; one after the other would give "
            f"{1 / (1 + sum(share.values())):.2f} x.",
        ),
        Figure(f"{label}: regions per second", speed["extraction"], "regions/s"),
        *(
            Figure(f"{label}: {what}", speed[way], "regions/s", f"{share[way]:.2f} x the time of the pass")
            for way, what in (("crops", "decoding and warping alone"), ("writing", "converting and writing alone"))
        ),
    ]


def _compare_on_one_thread(case: Case, repeats: int) -> Figure:
    """Compare with one thread for the network: how much is hidden when there are cores that it does not use."""
    times = in_new_process(_time_on_one_thread, case.folder, case.annotations, case.regions, repeats).result
    extraction, forward = (len(case.regions) / float(np.median(times[way])) for way in ("extraction", "forward"))
    return Figure(
        f"{DEFAULT}, CPU: extraction speed, relative to the bare forward pass, one thread for the network",
        median_ratio(times["forward"], times["extraction"]),
        "x",
        f"{extraction:.1f} of {forward:.1f} regions/s",
    )


def _time_on_one_thread(
    folder: Path, annotations: AnnotationSet, regions: pd.DataFrame, repeats: int
) -> dict[str, NDArray[np.float64]]:
    case = Case(DEFAULT, default_backbone(), annotations, regions, "cpu", folder)
    crops = _random_crops(case)
    return interleaved({"extraction": lambda: extract_anew(case), "forward": lambda: _forward(case, crops)}, repeats)


def _random_crops(case: Case) -> torch.Tensor:
    """Random crops for one forward pass."""
    crops = torch.rand(REGIONS_PER_PASS, 3, case.backbone.input_size, case.backbone.input_size, device=case.device)
    return crops.contiguous(memory_format=torch.channels_last)


def extract_anew(case: Case, client: Client | None = None) -> None:
    """Extract all regions as if for the first time, in this process or on the workers of a client."""
    out = case.folder / "extracted.zarr"
    for earlier in (out, case.folder / "scratch" / "extract"):  # the converted network stays
        shutil.rmtree(earlier, ignore_errors=True)
    compute = ComputeParameters(device="cpu" if case.device == "cpu" else "cuda")
    extract(
        case.regions,
        case.annotations,
        case.backbone,
        out,
        scratch=case.folder / "scratch",
        expansion=EXPANSION,
        compute=compute,
        client=client,
    )


def _forward(case: Case, crops: torch.Tensor) -> None:
    """Run as many forward passes as extraction needs, in the same precision."""
    cuda = case.device == "cuda"
    with torch.inference_mode(), torch.autocast(case.device, torch.float16, enabled=cuda):
        for _ in range(0, len(case.regions), REGIONS_PER_PASS):
            case.backbone(crops)
    if cuda:
        torch.cuda.synchronize()


def _decode_and_warp(case: Case) -> None:
    """Decode and warp every region in this thread, a batch at a time."""
    photographs = PhotographCache(Photographs.of(case.annotations))
    expanded = boxes.expand(case.regions[BOX].to_numpy(), EXPANSION)
    images = case.regions["image"].tolist()
    size, mean = case.backbone.input_size, case.backbone.mean
    step = ComputeParameters().batch_size
    for first in range(0, len(images), step):
        batch = [photographs.read(image) for image in images[first : first + step]]
        if case.device == "cpu":
            warp(batch, expanded[first : first + step], size, mean)
        else:
            warp_on_device(batch, expanded[first : first + step], size, mean, torch.device(case.device))
    if case.device == "cuda":
        torch.cuda.synchronize()


def _convert_and_write(case: Case, crops: torch.Tensor) -> None:
    """Convert and write the maps of one forward pass as often as extraction does it."""
    path = case.folder / "written.zarr"
    shutil.rmtree(path, ignore_errors=True)
    maps = passes.run(case.backbone, crops)
    count = len(case.regions)
    shapes = {name: (m.shape[1], m.shape[2], m.shape[3]) for name, m in maps.items()}
    with FeatureStoreWriter(path, shapes) as writer:
        for rows in parts(count):
            repeats = -(-(rows.stop - rows.start) // REGIONS_PER_PASS)
            blocks = [passes.to_host(maps, case.backbone) for _ in range(repeats)]
            writer.append({name: np.concatenate([b[name] for b in blocks])[: rows.stop - rows.start] for name in maps})
        writer.finish(synthetic_regions(count), no_digests(count), EXPANSION, {})
