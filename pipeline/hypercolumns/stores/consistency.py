"""Conditions that the arrays and attributes of a store meet, by kind of store; content is read in pieces."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.stores.arrays import StoredArray
from hypercolumns.stores.damage import Damage
from hypercolumns.stores.layout import ROOT

_PIECE_BYTES = 1 << 24


@dataclass(frozen=True)
class Content:
    """The attributes and arrays of a store without damage, as far as they can be read."""

    attributes: Mapping[str, Any]
    arrays: Mapping[str, StoredArray]
    """All arrays, for their shapes."""
    readable: frozenset[str]
    """Names of the arrays whose files are intact."""

    def pieces(self, name: str) -> Iterator[NDArray[Any]]:
        """Yield the rows of an array in pieces of bounded size; none if it is damaged."""
        if name not in self.readable:
            return
        array = self.arrays[name]
        chunk = array.layout.chunk_rows
        step = chunk * max(1, _PIECE_BYTES // max(1, chunk * math.prod(array.layout.item) * array.dtype.itemsize))
        for start in range(0, array.rows if array.nbytes else 0, step):
            yield array.read(start, min(start + step, array.rows))

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Shape of an array; None if its metadata is unusable, which is damage of its own."""
        return self.arrays[name].shape if name in self.arrays else None


Check = Callable[[Content], Iterator[Damage]]
"""Yields what does not fit in a store of a kind."""


def check_features(content: Content) -> Iterator[Damage]:
    """Check a feature store: blocks as the layers say, one row per region, and the region table."""
    layers, n = content.attributes["layers"], content.shape("regions/category")
    blocks = {f"blocks/{layer['name']}": layer for layer in layers}
    yield from _same_names("layers", blocks, content, "blocks/")
    for name, layer in blocks.items():
        yield from _shape(content, name, (*(n or (None,)), layer["channels"], layer["height"], layer["width"]))
    for name in content.arrays:
        if name.startswith("regions/") and n and content.arrays[name].rows != n[0]:
            yield Damage.of_array(name, f"it has {content.arrays[name].rows} rows instead of {n[0]}")
    yield from _sorted(content, "regions/category")
    kinds = len(content.attributes["kinds"])
    if any(((piece < 0) | (piece >= kinds)).any() for piece in content.pieces("regions/kind")):
        yield Damage.of_array("regions/kind", f"it has values that are not in 0 .. {kinds - 1}")
    if "regions/digest" in content.readable:
        total = hashlib.sha256()
        for piece in content.pieces("regions/digest"):
            total.update(piece.tobytes())
        if total.hexdigest() != content.attributes["digests_sha256"]:
            yield Damage.of_array("regions/digest", "its SHA-256 is not the attribute 'digests_sha256'")


def check_proposals(content: Content) -> Iterator[Damage]:
    """Check a proposal store: ragged columns as long as the table of images says, and the ranker."""
    names = [f"images/{name}" for name in ("image", "height", "width", "superpixels", "candidates")]
    n = content.shape(names[0])
    for name in names:
        yield from _shape(content, name, n or (None,))
    features = len(content.attributes["features"])
    for name in ("ranker/knots", "ranker/values"):
        yield from _shape(content, name, (features, (content.shape("ranker/knots") or (None, None))[1]))
    if not all(name in content.readable for name in names) or len({content.shape(name) for name in names}) > 1:
        return
    lengths = [0, 0, 0, 0]
    for piece in zip(*(content.pieces(name) for name in names[1:]), strict=True):
        height, width, superpixels, candidates = (values.astype(object) for values in piece)  # beyond 64 bits too
        if any((values < 0).any() for values in piece):
            yield Damage("the arrays below 'images'", "they have negative values")
            return
        bits = candidates * ((superpixels + 7) // 8)
        for i, values in enumerate((height * width, bits, candidates * 4, candidates)):
            lengths[i] += int(values.sum())
    for name, length in zip(("superpixels", "members", "boxes", "scores"), lengths, strict=True):
        yield from _shape(content, name, (length,))


def check_grid(content: Content) -> Iterator[Damage]:
    """Check a model: weights and biases as layers, grid, targets and groups say."""
    attributes = content.attributes
    groups, targets, cells = len(attributes["groups"]), len(attributes["targets"]), attributes["grid"] ** 2
    weights = dict.fromkeys(f"weights/{layer}" for layer in attributes["layers"])
    yield from _same_names("layers", weights, content, "weights/")
    for name in weights:
        yield from _shape(content, name, (groups, targets, cells, None))
    yield from _shape(content, "bias", (groups, targets, cells))
    if any(group >= groups for group in attributes["group_of_category"].values()):
        yield Damage(ROOT, f"the attribute 'group_of_category' names groups beyond the {groups} there are")


def check_detector(content: Content) -> Iterator[Damage]:
    """Check a detector: an output per category and one for the background, four for the regressor."""
    outputs = {"classifiers": len(content.attributes["categories"]) + 1}
    if content.attributes["regressor"]:
        outputs["regressor"] = 4
    regressor = {f"regressor/{part}": None for part in ("weights", "biases") if "regressor" in outputs}
    yield from _same_names("regressor", regressor, content, "regressor/")
    dimensions = (content.shape("classifiers/weights") or (None,))[0]
    for name, n in outputs.items():
        yield from _shape(content, f"{name}/weights", (dimensions, n))
        yield from _shape(content, f"{name}/biases", (n,))


def check_heat_maps(content: Content) -> Iterator[Damage]:
    """Check heat maps: one square map and one box per instance."""
    n = (content.shape("instance_id") or (None,))[0]
    yield from _shape(content, "box", (n, 4))
    yield from _shape(content, "heat", (n, None, (content.shape("heat") or (0, None))[1]))


def _shape(content: Content, name: str, expected: tuple[int | None, ...]) -> Iterator[Damage]:
    """Compare the shape of an array; None fits any length."""
    found = content.shape(name)
    if found is not None and any(e not in (None, side) for e, side in zip(expected, found, strict=True)):
        wanted = ", ".join("any" if side is None else str(side) for side in expected)
        yield Damage.of_array(name, f"its shape is {found} where attributes and other arrays need ({wanted})")


def _same_names(attribute: str, expected: Mapping[str, Any], content: Content, prefix: str) -> Iterator[Damage]:
    found = {name for name in content.arrays if name.startswith(prefix)}
    for name in sorted(set(expected) - found):
        yield Damage.of_array(name, f"it is missing, although the attribute {attribute!r} names it")
    for name in sorted(found - set(expected)):
        yield Damage.of_array(name, f"the attribute {attribute!r} does not name it")


def _sorted(content: Content, name: str) -> Iterator[Damage]:
    last = None
    for piece in content.pieces(name):
        if np.any(piece[1:] < piece[:-1]) or (last is not None and len(piece) and piece[0] < last):
            yield Damage.of_array(name, "it is not sorted")
            return
        last = piece[-1] if len(piece) else last
