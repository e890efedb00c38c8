"""Describe the content of a feature store as text."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from hypercolumns.features.store import FeatureStore


def describe(store: FeatureStore) -> list[str]:
    """Describe a store in lines of text: origin, layers with their sizes, regions by kind and category."""
    attributes, regions = store.attributes, store.regions
    images = regions["image"].nunique()
    lines = [f"{store.path}: {len(store)} regions of {images} images, boxes expanded by {attributes['expansion']:g}"]
    for name in ("backbone", "weights", "weights_sha256", "precision"):
        if name in attributes:
            lines.append(f"{name:15} {attributes[name]}")
    for name in ("preprocessing", "versions"):
        if name in attributes:
            lines.append(f"{name:15} " + ", ".join(f"{key} {value}" for key, value in attributes[name].items()))

    sizes = np.array([_megabytes(store, layer) for layer in store.layers])
    layer_rows = [
        (layer, " x ".join(map(str, store.blocks[layer].shape[1:])), "float16", *_size_cells(*size))
        for layer, size in zip(store.layers, sizes, strict=True)
    ]
    total = ("all", f"{sum(store.channels.values())} channels", "", *_size_cells(*sizes.sum(axis=0)))
    header = ("layer", "channels x h x w", "type", "MB", "MB on disk", "ratio")
    lines += ["", *_table(header, [*layer_rows, total])]

    names = attributes.get("categories", {})
    counts = pd.crosstab(regions["category"], regions["kind"], margins=True, margins_name="all")
    kinds = [kind for kind in attributes["kinds"] if kind in counts]
    category_rows = [
        (names.get(str(category), str(category)), *map(str, row[[*kinds, "all"]]))
        for category, row in counts.iterrows()
    ]
    return [*lines, "", *_table(("category", *kinds, "regions"), category_rows)]


def _megabytes(store: FeatureStore, layer: str) -> tuple[float, float]:
    """Size of a layer's block in memory and on disk, in 10^6 bytes."""
    stored = sum(store.store.place.below(f"blocks/{layer}").sizes().values())
    return store.blocks[layer].nbytes / 1e6, stored / 1e6


def _size_cells(raw: float, stored: float) -> tuple[str, str, str]:
    return f"{raw:.1f}", f"{stored:.1f}", f"{raw / stored:.2f}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lay out a table as lines of text; the first column is aligned left, the others right."""
    table = [header, *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return [
        "  ".join(cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True)))
        for line in table
    ]
