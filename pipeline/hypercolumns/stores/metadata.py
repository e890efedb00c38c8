"""The metadata of a store whose content may be anything: read within bounds and compared with its JSON schema."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hypercolumns.input_files import read_bytes
from hypercolumns.places.place import Place
from hypercolumns.stores.arrays import StoredArray
from hypercolumns.stores.layout import Layout

LARGEST_JSON = 1 << 27
"""Bytes of the largest JSON file that is read."""

LARGEST_CHUNK = 1 << 30
"""Uncompressed bytes of the largest chunk that is decoded."""

LARGEST_INDEX = 1 << 24
"""Bytes of the largest index of a shard that is read."""


def read_json(path: Path) -> Any:
    """Read a JSON file from anywhere.

    Raises
    ------
    OSError
        If it is missing, too large or not a regular file.
    ValueError
        As `parse_json`.
    """
    return parse_json(read_bytes(path, LARGEST_JSON))


def parse_json(content: bytes) -> Any:
    """Parse JSON whose numbers are finite and whose strings can be written as text.

    Raises
    ------
    ValueError
        If it is not that.
    """
    try:
        found = json.loads(content, parse_constant=_refuse)
        if b"\\ud" in content.lower():  # escaped halves of characters, which are text only in pairs
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    return found


def schema_of(root: Any) -> str | None:
    """Find the attribute `schema` in the metadata of the folder of a store; None if there is none."""
    attributes = root.get("attributes") if isinstance(root, dict) else None
    found = attributes.get("schema") if isinstance(attributes, dict) else None
    return found if isinstance(found, str) else None


@dataclass(frozen=True)
class Metadata:
    """Attributes and arrays of a store, from root metadata that its schema accepts."""

    attributes: Mapping[str, Any]
    nodes: Mapping[str, Mapping[str, Any]]
    """Metadata of groups and arrays by name."""
    arrays: Mapping[str, StoredArray]
    """Those that can be read."""
    faults: Mapping[str, str]
    """By name of the arrays that cannot."""

    @classmethod
    def of(cls, place: Place, root: Mapping[str, Any]) -> "Metadata":
        """Interpret root metadata."""
        nodes = root["consolidated_metadata"]["metadata"]
        arrays, faults = {}, {}
        for name, node in nodes.items():
            if node["node_type"] == "array":
                try:
                    arrays[name] = StoredArray(place, name, int(node["shape"][0]), _layout(node))
                except ValueError as error:
                    faults[name] = str(error)
        return cls(root["attributes"], nodes, arrays, faults)


def _layout(node: Mapping[str, Any]) -> Layout:
    item = tuple(int(side) for side in node["shape"][1:])
    filled = [max(1, side) for side in item]
    shard, *shard_item = (int(side) for side in node["chunk_grid"]["configuration"]["chunk_shape"])
    chunk, *chunk_item = (int(side) for side in node["codecs"][0]["configuration"]["chunk_shape"])
    if shard_item != filled or chunk_item != filled:
        raise ValueError("chunks and shards are not cut along the first axis alone")
    if shard % chunk:
        raise ValueError(f"shards of {shard} rows do not consist of chunks of {chunk} rows")
    layout = Layout(item, np.dtype(node["data_type"]).newbyteorder("<"), chunk, shard)
    size = chunk * math.prod(item) * layout.dtype.itemsize
    if size > LARGEST_CHUNK:
        raise ValueError(f"a chunk of {size} bytes is larger than the {LARGEST_CHUNK} bytes that are read")
    if layout.index_bytes > LARGEST_INDEX:
        raise ValueError(f"an index of {layout.index_bytes} bytes is larger than the {LARGEST_INDEX} that are read")
    return layout


def _refuse(constant: str) -> None:
    raise ValueError(constant)
