"""Mutations of Zarr stores: damage of their files, and claims of their metadata whose checksums fit."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import Any

from numpy.random import Generator

from tests.mutations.harness import Mutation
from tests.mutations.of_json import field_mutations
from tests.stores.small_stores import edit_root, seal
from tests.stores.test_hostile_stores import CHANGES

SEALED = "whoever makes the manifest anew may write any valid content"

_NUMBERS = (-1, 0, 3, 2**31, 2**53)


def sealed(mutation: Mutation) -> Mutation:
    """The same mutation, after which the manifest of the store fits again."""

    def apply(path: FilePath, rng: Generator) -> None:
        mutation.apply(path, rng)
        seal(_store(path))

    return Mutation(f"{mutation.name}, sealed", apply, SEALED, mutation.sampled)


def metadata_mutations(root: dict[str, Any], kind: str) -> list[Mutation]:
    """Claims of the metadata of a store of a kind, with a manifest that fits.

    Parameters
    ----------
    root
        Its root metadata.
    kind
        As in `small_stores.KINDS`.
    """
    fields = field_mutations(root, [("attributes",)], lambda _field, _value: SEALED)
    arrays = root["consolidated_metadata"]["metadata"]
    shapes = [
        _edited(f"{name}: side {axis} of {part} is {number}", _with_number(name, part, axis, number), is_sampled=True)
        for name, node in arrays.items()
        if node["node_type"] == "array"
        for part in ("shape", "shards", "chunks", "all of them")
        for axis in range(len(node["shape"]))
        for number in _NUMBERS
    ]
    known = [_edited(name, change) for name, (of_kind, change, _) in CHANGES.items() if of_kind == kind]
    return [*map(sealed, fields), *shapes, *known]


def _edited(name: str, change: Callable[[dict[str, Any]], object], is_sampled: bool = False) -> Mutation:
    return Mutation(name, lambda path, _rng: edit_root(path.parent, change), SEALED, is_sampled)


def _with_number(name: str, part: str, axis: int, number: int) -> Callable[[dict[str, Any]], None]:
    def change(root: dict[str, Any]) -> None:
        node = root["consolidated_metadata"]["metadata"][name]
        sides = {
            "shape": node["shape"],
            "shards": node["chunk_grid"]["configuration"]["chunk_shape"],
            "chunks": node["codecs"][0]["configuration"]["chunk_shape"],
        }
        for found in sides.values() if part == "all of them" else [sides[part]]:
            found[axis] = number

    return change


def _store(path: FilePath) -> FilePath:
    return next(folder for folder in path.parents if folder.suffix == ".zarr")


def stored_files(store: FilePath) -> Iterator[str]:
    """Files of a store that mutations damage: its metadata, its manifest, and a shard of every array."""
    root = json.loads((store / "zarr.json").read_text())
    yield from ("zarr.json", "manifest.json")
    for name, node in root["consolidated_metadata"]["metadata"].items():
        if node["node_type"] == "array":
            yield "/".join([name, "c", *("0" for _ in node["shape"])])
