"""Describe the content of a feature store as text."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hypercolumns.annotations.info import read_info
from hypercolumns.errors import InputError, counted
from hypercolumns.features.photographs import annotations_beside
from hypercolumns.features.sampling import SAMPLED_BYTES, LayerStatistics, layer_statistics, sample_rows
from hypercolumns.features.schema import bytes_per_region
from hypercolumns.features.store import FeatureStore


def describe(store: FeatureStore) -> list[str]:
    """Describe a store in lines of text: origin, layers with their sizes and values, regions by kind and category.

    Values are those of a sample of rows where the store is large, which the text then says.
    """
    regions = store.regions
    images, expansion = regions["image"].nunique(), store.attributes["expansion"]
    title = (
        f"{store.path}: {counted(len(store), 'region')} of {counted(images, 'image')}, boxes expanded by {expansion:g}"
    )
    return [title, *_provenance(store), "", *_layers(store), "", *_categories(store, regions)]


def _provenance(store: FeatureStore) -> list[str]:
    """What is known of the network, how it saw photographs, the data, and the versions that wrote the store."""
    attributes = store.attributes
    known = {n: attributes[n] for n in ("backbone", "weights", "weights_sha256", "precision") if n in attributes}
    for name in ("preprocessing", "versions"):
        if name in attributes:
            known[name] = ", ".join(f"{key} {value}" for key, value in attributes[name].items())
    if annotations := annotations_beside(store.path):
        known |= _data(annotations)
    known |= {"schema": attributes["schema"], "content": attributes.get("key", attributes["digests_sha256"])}
    return [f"{name:15} {value}" for name, value in known.items()]


def _data(annotations: Path) -> dict[str, str]:
    """The data set of a file of annotations, of which only the first line is read; empty if that says nothing."""
    try:
        info = read_info(annotations)
    except InputError:
        return {}
    return {"data": f"{info.description}; photographs in {info.image_root}"}


def _layers(store: FeatureStore) -> list[str]:
    """Shape, size and values of each layer."""
    sizes = np.array([_megabytes(store, layer) for layer in store.layers])
    rows = sample_rows(len(store), SAMPLED_BYTES // bytes_per_region(store.shapes))
    statistics = layer_statistics(store, rows)
    table = [
        (
            layer,
            " x ".join(map(str, store.shapes[layer])),
            "float16",
            *_size_cells(*size),
            *_value_cells(statistics[layer]),
        )
        for layer, size in zip(store.layers, sizes, strict=True)
    ]
    dead = str(sum(of_layer.dead for of_layer in statistics.values()))
    channels = f"{sum(store.channels.values())} channels"
    table.append(("all", channels, "", *_size_cells(*sizes.sum(axis=0)), "", "", "", dead))
    header = ("layer", "channels x h x w", "type", "MB", "MB on disk", "ratio", "zeros", "lowest", "highest", "dead")
    sampled = sum(chunk.stop - chunk.start for chunk in rows)
    source = "all regions" if sampled == len(store) else f"a sample of {sampled} regions, evenly spaced"
    return [*_table(header, table), f"zeros, lowest, highest and dead (channels that never vary): from {source}"]


def _categories(store: FeatureStore, regions: pd.DataFrame) -> list[str]:
    """Numbers of regions by category and kind."""
    counts = pd.crosstab(regions["category"], regions["kind"], margins=True, margins_name="all")
    kinds = [kind for kind in store.attributes["kinds"] if kind in counts]
    names = dict(zip(regions["category"], regions["category_name"], strict=True))
    rows = [(names.get(category, "all"), *map(str, row[[*kinds, "all"]])) for category, row in counts.iterrows()]
    return _table(("category", *kinds, "regions"), rows)


def _megabytes(store: FeatureStore, layer: str) -> tuple[float, float]:
    """Size of a layer's block in memory and on disk, in 10^6 bytes."""
    stored = sum(store.store.place.below(f"blocks/{layer}").sizes().values())
    return 2 * len(store) * math.prod(store.shapes[layer]) / 1e6, stored / 1e6


def _size_cells(raw: float, stored: float) -> tuple[str, str, str]:
    return f"{raw:.1f}", f"{stored:.1f}", f"{raw / stored:.2f}"


def _value_cells(values: LayerStatistics) -> tuple[str, str, str, str]:
    if math.isnan(values.zeros):
        return "-", "-", "-", "-"
    return f"{values.zeros:.0%}", f"{values.lowest:.3g}", f"{values.highest:.3g}", str(values.dead)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lay out a table as lines of text; the first column is aligned left, the others right."""
    table = [header, *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return [
        "  ".join(cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True)))
        for line in table
    ]
