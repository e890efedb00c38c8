"""The page on large data sets, docs/scaling.md: measured slopes times their sizes, and the limits that come next."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import growth, table
from benchmarks.extraction import default_backbone
from benchmarks.figures import Section
from benchmarks.inputs import SMALL, Shape, block_shapes, channels
from hypercolumns.backbones import create_backbone
from hypercolumns.features.schema import COLUMNS, SHARD_BYTES, regions_per_shard
from hypercolumns.parameters import BackboneParameters, DetectionParameters, Parameters
from hypercolumns.proposals.image_set import KEPT_PER_SPLIT

SUBJECTS = ("store", "extraction", "growth")
"""Subjects whose figures the costs are derived from."""

GPU_RATE = 1000
"""Regions per second of one data-centre GPU with 16 CPU cores, about what was measured; see `docs/decisions.md`."""

RECIPE = Parameters.load(Path(__file__).parents[1] / "recipes" / "voc2012_sbd_onet.yaml")

REGIONS_PER_INSTANCE = 1 + RECIPE.regions.proposals_per_instance
COCO_REGIONS = 860_000 * REGIONS_PER_INSTANCE
"""Training regions of an instance: its box and the candidates that overlap it most."""

DETECTIONS_PER_PHOTOGRAPH = RECIPE.detection.max_per_image
"""Detections of a photograph that are predicted on."""

HEADER = (
    "| data set | regions | store | maps while training (exact) | samples while training (sgd) | files | extraction, "
    "CPU core hours | extraction, GPU hours (assumed) | train and predict (exact), CPU core hours | "
    "train and predict (sgd), CPU core hours |"
)


@dataclass(frozen=True)
class DataSet:
    """A data set with the sizes that its authors state, rounded."""

    name: str
    train_regions: int
    val_regions: int


DATA_SETS = (
    DataSet(
        "VOC 2012 with SBD (5,600 + 5,800 photographs)",
        5_600 * 24 // 10 * REGIONS_PER_INSTANCE,
        5_800 * DETECTIONS_PER_PHOTOGRAPH + 13_900,
    ),
    DataSet(
        "COCO 2017 (118,287 + 5,000 photographs)",
        COCO_REGIONS,
        5_000 * DETECTIONS_PER_PHOTOGRAPH + 36_800,
    ),
    DataSet(
        "Open Images V7 with masks (944,037 + 13,524 photographs)",
        2_686_666 * REGIONS_PER_INSTANCE,
        13_524 * DETECTIONS_PER_PHOTOGRAPH + 24_730,
    ),
    DataSet("100 million regions", 100_000_000, 0),
)


def write_page(path: Path, sections: Mapping[str, Section], cores: int) -> None:
    """Derive the costs from the sections `store`, `extraction` and `growth`, and write the page."""
    store = sections["store"].value("EfficientNet-Lite0: stored bytes per region") * 1e6
    rate = sections["extraction"].value("EfficientNet-Lite0, CPU: regions per second")
    defaults = growth.WORKER_SETTINGS
    exact, sgd = (
        sections["growth"].value(f"{name}: train and predict, per region on one core") / 1e3
        for name in (f"{defaults.solver}, K = {defaults.grid}", "sgd, K = 1")
    )
    shapes = block_shapes(default_backbone())
    maps, sample = maps_bytes(shapes, defaults.heat_map), defaults.pixels_per_region * channels(shapes) * 2
    rows = []
    for data in DATA_SETS:
        regions = data.train_regions + data.val_regions
        cells = (
            data.name,
            f"{regions:,}",
            format_bytes(regions * store),
            format_bytes(data.train_regions * maps),
            format_bytes(data.train_regions * sample),
            f"{_files(regions, shapes):,}",
            format_hours(regions / rate * cores),
            format_hours(regions / GPU_RATE),
            format_hours(regions * exact),
            format_hours(regions * sgd),
        )
        rows.append(f"| {' | '.join(cells)} |")
    largest = DATA_SETS[-1].train_regions
    pixels = defaults.pixels_per_region
    table_bytes = largest * sum(dtype.itemsize for dtype in COLUMNS.values())
    measured = (
        "`make bench` writes this page, and `python -m benchmarks.pages` writes it again from "
        "`benchmarks/results.json`. It extrapolates from what was measured on one machine "
        f"([benchmarks.md](benchmarks.md)): a region takes {store / 1e6:.3f} MB of store, {cores} cores extract "
        f"{rate:.1f} regions per second with EfficientNet-Lite0, and one core trains and predicts a region in "
        f"{exact * 1e3:.2f} ms with `train.solver: exact`, the default, and in {sgd * 1e3:.2f} ms with `sgd`. Where "
        "time is linear in the number of regions and memory is bounded, costs are products; the sections Growth and A "
        "million regions of benchmarks.md say how far that holds."
    )
    assumed = (
        f"Assumptions: {REGIONS_PER_INSTANCE} training regions per instance (its box and {REGIONS_PER_INSTANCE - 1} "
        "candidates, as in the recipes); 2.4 instances per photograph of VOC, and 860,000 instances in COCO's training "
        f"set; predictions for {DETECTIONS_PER_PHOTOGRAPH} detections and all instances of every val photograph. GPU "
        f"hours assume {GPU_RATE:,} regions per second, about what one data-centre GPU with 16 cores extracted, whose "
        "limit was compression and writing ([decisions.md](decisions.md)). Training and prediction were measured on a "
        f"synthetic store of {channels(SMALL)} "
        f"channels: `exact` with K = {defaults.grid} on all {defaults.heat_map**2} pixels, with a cell that fits into "
        f"a worker's memory, `sgd` with K = 1 on {pixels} pixels per region. The time of training grows with the "
        "number of channels; that of `exact` and of prediction also grows with K."
    )
    limits = (
        "**Copies while training.** `exact` writes the maps of its regions to `.scratch`, uncompressed in float16 and "
        f"with at most {defaults.heat_map} x {defaults.heat_map} values per channel: {format_bytes(maps)} per region, "
        f"{maps / store:.1f} times the store itself, once for all K. `sgd` writes samples instead, for one K at a "
        f"time: {pixels} pixels x {channels(shapes)} channels x 2 bytes = {format_bytes(sample)} per region, "
        f"{sample / store:.1f} times the store. For 100 million regions use `sgd` and draw fewer pixels of each "
        "(`train.pixels_per_region`): a linear classifier does not need billions of pixels.",
        "**Results kept in `.scratch`.** For the next run it keeps the last store of each split, by links to its files "
        f"where possible. Each photograph adds {format_bytes(_detector_maps_bytes())} of the detector's maps (640 x "
        f"480 pixels) and 50 kB of proposals, each of the first {KEPT_PER_SPLIT:,} of a split also 1.3 MB of "
        "candidates. All of this can be deleted while nothing runs.",
        "**Passes over the disk.** A cell that a worker does not keep in memory is read again: with `exact` one of "
        f"more than {format_bytes(growth.DEFAULT_MAX_BYTES['exact'])} in every evaluation, of which a cell takes "
        f"dozens, and with `sgd` one of more than {format_bytes(growth.DEFAULT_MAX_BYTES['sgd'])} in every epoch, "
        f"{defaults.epochs} by default. The speed of the disk then counts.",
        f"**Tables in one process.** The client holds the table of regions ({format_bytes(table_bytes)} for 100 "
        "million) and all annotations of a split in memory, and `evaluate` also the text of a results file, about 400 "
        "bytes for a mask. Beyond about ten million regions a store should be divided, one store per part of the image "
        "set.",
        f"**Files.** A store has one file per layer for every {regions_per_shard(shapes):,} regions, about "
        f"{format_bytes(SHARD_BYTES)} of blocks: {_files(COCO_REGIONS, shapes):,} files for the "
        f"{COCO_REGIONS / 1e6:.1f} million regions of COCO's training set, {_files(largest, shapes):,} for 100 "
        "million, which DVC hashes and links one by one.",
    )
    parts = (
        "# What large data sets cost",
        table.wrap(measured),
        "\n".join([HEADER, "|---" * HEADER.count(" | ") + "|---|", *rows]),
        table.wrap(assumed),
        "## Where the next limit lies",
        "\n".join(table.wrap(f"- {limit}", "  ") for limit in limits),
    )
    path.write_text("\n\n".join(parts) + "\n")


def maps_bytes(shapes: Mapping[str, Shape], heat_map: int) -> int:
    """Bytes of a region's maps in the exact solver's files: float16, none finer than the heat map."""
    return sum(2 * depth * min(height, heat_map) * min(width, heat_map) for depth, height, width in shapes.values())


def _detector_maps_bytes() -> int:
    """Bytes of the maps of a photograph of 640 x 480 pixels that the detector keeps: float16, at the default scale."""
    settings = DetectionParameters()
    layers = create_backbone(BackboneParameters(layers=settings.layers), seed=0).layers
    height, width = settings.short_side, settings.short_side * 640 // 480
    return sum(2 * layer.channels * (height // layer.stride) * (width // layer.stride) for layer in layers)


def _files(regions: int, shapes: Mapping[str, Shape]) -> int:
    return math.ceil(regions / regions_per_shard(shapes)) * len(shapes)


def format_bytes(size: float) -> str:
    """Write bytes in the unit that keeps the number short."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def format_hours(seconds: float) -> str:
    """Write seconds as hours, to two digits below 100 hours."""
    hours = seconds / 3600
    return f"{hours:.2g}" if hours < 100 else f"{hours:,.0f}"
