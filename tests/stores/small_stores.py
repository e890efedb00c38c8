"""Small stores of every kind, and changes that a hostile writer makes: the checksums fit them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hypercolumns.stores.manifest import FileRecord, Manifest
from hypercolumns.tasks.heat_maps import write_heat_maps
from tests.stores.golden_content import GOLDEN, WRITERS

KINDS = (*WRITERS, "heat_maps")


def make_store(kind: str, path: Path) -> Path:
    """Put a sound store of a kind at `path`."""
    if kind == "heat_maps":
        maps = [(np.arange(3), np.ones((3, 4)), np.arange(75).reshape(3, 5, 5).astype(np.uint8))]
        write_heat_maps(path, 5, maps)
    else:
        shutil.copytree(GOLDEN / f"{kind}.zarr", path)
    return path


def files(store: Path) -> list[Path]:
    """All files, in order."""
    return sorted(file for file in store.rglob("*") if file.is_file())


def seal(store: Path) -> None:
    """Write a manifest of the files as they are."""
    names = [file.relative_to(store).as_posix() for file in files(store)]
    Manifest({n: FileRecord.measure(store / n) for n in names if n != "manifest.json"}).write(store)


def edit_root(store: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the metadata of the folder and of the arrays alike."""
    root = json.loads((store / "zarr.json").read_text())
    change(root)
    (store / "zarr.json").write_text(json.dumps(root))
    for name, node in root.get("consolidated_metadata", {}).get("metadata", {}).items():
        if node.get("node_type") == "array" and (store / name).is_dir():
            (store / name / "zarr.json").write_text(json.dumps(node))
    seal(store)


def node(root: dict[str, Any], name: str) -> Any:
    """Metadata of an array."""
    return root["consolidated_metadata"]["metadata"][name]
