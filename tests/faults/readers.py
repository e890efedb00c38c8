"""Reading everything in a published store, as the stages do that need it."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from hypercolumns.features.schema import DIGEST
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.tasks.heat_maps import read_heat_maps


def _features(path: Path) -> Iterator[bytes]:
    store = FeatureStore.open(path)
    yield str(sorted(store.attributes.items())).encode()
    yield store.regions.to_csv().encode()
    yield store.expanded_boxes.tobytes()
    yield store.column(DIGEST).tobytes()
    for layer in store.layers:
        for part in store.parts:
            yield store.read(layer, part).tobytes()


def _proposals(path: Path) -> Iterator[bytes]:
    store = ProposalStore.open(path)
    for image in store.image_ids:
        found = store[image]
        yield b"".join(values.tobytes() for values in (found.superpixels, found.members, found.boxes, found.scores))
    yield str(sorted(store.store.attributes.items())).encode()
    for name in ("knots", "values"):
        yield store.store.array(f"ranker/{name}")[:].tobytes()


def _model(path: Path) -> Iterator[bytes]:
    model = GridModel.open(path)
    yield str((model.spec, model.heat_map, model.targets, model.groups, model.group_of_category)).encode()
    for weights in (*model.weights.values(), model.bias):
        yield weights.tobytes()


def _heat_maps(path: Path) -> Iterator[bytes]:
    for instance, found in read_heat_maps(path).items():
        yield str(instance).encode() + found.box.tobytes() + found.heat.tobytes()


STORES: dict[str, tuple[str, Callable[[Path], Iterator[bytes]], str]] = {
    "data/features/train.zarr": ("features", _features, "train"),
    "data/features/val.zarr": ("features", _features, "predict"),
    "data/proposals/train.zarr": ("proposals", _proposals, "extract-train"),
    "data/proposals/val.zarr": ("proposals", _proposals, "predict"),
    "data/models/segmentation.zarr": ("model", _model, "predict"),
    "data/predictions/segmentation_heat_maps.zarr": ("heat maps", _heat_maps, ""),
}
"""Kind, reader, and a stage that needs it, of every published store; heat maps are for the report."""


def digest(path: str) -> str:
    """SHA-256 of everything that is read from a store of the current folder."""
    total = hashlib.sha256()
    for piece in STORES[path][1](Path(path)):
        total.update(piece)
    return total.hexdigest()
