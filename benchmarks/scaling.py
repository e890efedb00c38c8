"""What large data sets cost: the measured slopes times their sizes, and which limit comes next."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import growth, table
from benchmarks.extraction import default_backbone
from benchmarks.figures import Section
from benchmarks.inputs import SMALL, Shape, block_shapes, channels
from hypercolumns.features.schema import COLUMNS, SHARD
from hypercolumns.parameters import Parameters

SUBJECTS = ("store", "extraction", "growth")
"""Whose figures the costs follow from."""

GPU_SPEEDUP = 100
"""Assumed, not measured: regions per second of one data-centre GPU over those of the CPU cores measured here."""
RECIPE = Parameters.load(Path(__file__).parents[1] / "recipes" / "voc2012_sbd_onet.yaml")
PER_INSTANCE = 1 + RECIPE.regions.proposals_per_instance
"""Training regions of an instance: its box and the candidates that overlap it most."""
PER_PHOTOGRAPH = RECIPE.detection.max_per_image
"""Detections of a photograph that are predicted on."""


HEADER = (
    "| data set | regions | store | maps while training (exact) | samples while training (sgd) | files | extraction, "
    "CPU core hours | extraction, GPU hours (assumed) | train and predict (exact), CPU core hours | "
    "train and predict (sgd), CPU core hours |"
)


@dataclass(frozen=True)
class DataSet:
    """Sizes as the data set's authors state them, rounded."""

    name: str
    train_regions: int
    val_regions: int


DATA_SETS = (
    DataSet(
        "VOC 2012 with SBD (5,600 + 5,800 photographs)",
        5_600 * 24 // 10 * PER_INSTANCE,
        5_800 * PER_PHOTOGRAPH + 13_900,
    ),
    DataSet("COCO 2017 (118,287 + 5,000 photographs)", 860_000 * PER_INSTANCE, 5_000 * PER_PHOTOGRAPH + 36_800),
    DataSet("100 million regions", 100_000_000, 0),
)


def write_page(path: Path, sections: Mapping[str, Section], cores: int) -> None:
    """Derive the costs from the sections `store`, `extraction` and `growth`."""
    store = sections["store"].value("EfficientNet-Lite0: stored bytes per region") * 1e6
    rate = sections["extraction"].value("EfficientNet-Lite0, CPU: regions per second")
    defaults = growth.SPREAD
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
            amount(regions * store),
            amount(data.train_regions * maps),
            amount(data.train_regions * sample),
            f"{_files(regions, len(shapes)):,}",
            hours(regions / rate * cores),
            hours(regions / rate / GPU_SPEEDUP),
            hours(regions * exact),
            hours(regions * sgd),
        )
        rows.append(f"| {' | '.join(cells)} |")
    most = DATA_SETS[-1].train_regions
    pixels = defaults.pixels_per_region
    table_bytes = most * sum(dtype.itemsize for dtype in COLUMNS.values())
    measured = (
        "Written by `make bench`, or by `python -m benchmarks.pages` from its `benchmarks/results.json`, from what was "
        "measured on this machine ([benchmarks.md](benchmarks.md)): "
        f"{store / 1e6:.3f} MB of store and {rate:.1f} regions per second on {cores} cores for EfficientNet-Lite0, "
        f"per region and core {exact * 1e3:.2f} ms to train and predict with `train.solver: exact`, the default, and "
        f"{sgd * 1e3:.2f} ms with `sgd`. Where time is linear in regions and memory bounded, costs are products; the "
        "section Growth says how far that holds."
    )
    assumed = (
        f"Assumptions: {PER_INSTANCE} training regions per instance (its box and {PER_INSTANCE - 1} candidates, "
        f"as in the recipes), 2.4 instances per photograph of VOC and 860,000 in COCO's training set, {PER_PHOTOGRAPH} "
        "detections and the instances of every val photograph. GPU hours are not measured: they assume that one GPU "
        f"does {GPU_SPEEDUP} times the regions per second of the {cores} cores here. Training and prediction were "
        f"measured on a synthetic store of {channels(SMALL)} channels, exact with K = {defaults.grid} on all "
        f"{defaults.heat_map**2} pixels while a worker keeps a cell in memory, sgd with K = 1 on {pixels} pixels per "
        "region: training grows further with the channels, the exact one and prediction also with K."
    )
    limits = (
        f"**Copies while training.** `exact` lays out the maps of its regions uncompressed below `.scratch`, in "
        f"float16 and at most {defaults.heat_map} x {defaults.heat_map} values a channel: {amount(maps)} per region, "
        f"{maps / store:.1f} times the store itself, for all K together. `sgd` keeps samples instead, of one K at a "
        f"time: {pixels} pixels x {channels(shapes)} channels x 2 bytes = {amount(sample)} per region, "
        f"{sample / store:.1f} times the store. For 100 million regions use `sgd` and draw fewer pixels of each "
        "(`train.pixels_per_region`): a linear classifier needs no billions of pixels.",
        f"**Passes past memory.** What a worker does not keep of a cell is read again, beyond "
        f"{amount(growth.KEPT['exact'])} in every evaluation of `exact`, of which a cell takes dozens, and beyond "
        f"{amount(growth.KEPT['sgd'])} in every epoch of `sgd`, {defaults.epochs} by default: the speed of the disk "
        "then counts.",
        f"**Tables in one process.** The client holds the table of regions ({amount(table_bytes)} for 100 million) "
        "and all results of a prediction in memory; beyond some ten million regions a store should be cut into "
        "several, one per part of the image set.",
        f"**Files.** One file per layer and {SHARD} regions: {_files(most, len(shapes)):,} for 100 million regions, "
        "which DVC hashes and links one by one. Shards of 1024 regions would be 16 times fewer.",
    )
    parts = (
        "# What large data sets cost",
        table.wrapped(measured),
        "\n".join([HEADER, "|---" * HEADER.count(" | ") + "|---|", *rows]),
        table.wrapped(assumed),
        "## Where the next limit lies",
        "\n".join(table.wrapped(f"- {limit}", "  ") for limit in limits),
    )
    path.write_text("\n\n".join(parts) + "\n")


def maps_bytes(shapes: Mapping[str, Shape], heat_map: int) -> int:
    """Bytes of a region's maps as the exact solver lays them out: float16, none finer than the heat map."""
    return sum(2 * depth * min(height, heat_map) * min(width, heat_map) for depth, height, width in shapes.values())


def _files(regions: int, layers: int) -> int:
    return math.ceil(regions / SHARD) * layers


def amount(size: float) -> str:
    """Bytes in the unit that keeps the number short."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def hours(seconds: float) -> str:
    """Hours to two digits."""
    value = seconds / 3600
    return f"{value:.2g}" if value < 100 else f"{value:,.0f}"
