"""Describe the content of a feature store as text."""

from collections.abc import Iterable, Sequence

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

    sizes = [(layer, *_megabytes(store, layer)) for layer in store.layers]
    layer_rows = [
        (layer, " x ".join(map(str, store.blocks[layer].shape[1:])), "float16", *_size_cells(raw, stored))
        for layer, raw, stored in sizes
    ]
    total = _size_cells(sum(raw for _, raw, _ in sizes), sum(stored for _, _, stored in sizes))
    channels = sum(block.shape[1] for block in store.blocks.values())
    header = ("layer", "channels x h x w", "type", "MB", "MB on disk", "ratio")
    lines += ["", *_table(header, [*layer_rows, ("all", f"{channels} channels", "", *total)])]

    names = attributes.get("categories", {})
    counts = regions.groupby(["category", "kind"]).size().unstack(fill_value=0)
    kinds = [kind for kind in attributes["kinds"] if kind in counts]
    category_rows = [
        (names.get(str(category), str(category)), *(str(row[kind]) for kind in kinds), str(row.sum()))
        for category, row in counts.iterrows()
    ]
    category_rows.append(("all", *(str(counts[kind].sum()) for kind in kinds), str(len(store))))
    return [*lines, "", *_table(("category", *kinds, "regions"), category_rows)]


def _megabytes(store: FeatureStore, layer: str) -> tuple[float, float]:
    """Size of a layer's block in memory and on disk, in 10^6 bytes."""
    files = (store.path / "blocks" / layer).rglob("*")
    return store.blocks[layer].nbytes / 1e6, sum(file.stat().st_size for file in files if file.is_file()) / 1e6


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
