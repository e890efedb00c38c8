"""A trained grid of classifiers: linear weights per layer block, saved as a Zarr group."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.features.origin import Origin
from hypercolumns.grid.spec import GridSpec
from hypercolumns.stores.reading import Store
from hypercolumns.stores.replacing import replacing

SCHEMA = "hypercolumns-grid/3"


@dataclass(frozen=True)
class GridModel:
    """K x K linear classifiers per target and group of categories, for raw blocks as a store holds them.

    The logit of cell k at a location is `bias[group, target, k]` plus the sum over layers of
    `weights[layer][group, target, k] . f`, where f is the layer's block of the location's hypercolumn;
    standardisation is folded into both. Cells are numbered row by row. Paper, section 3.
    """

    spec: GridSpec
    heat_map: int
    """Locations per side of a heat map."""
    targets: tuple[str, ...]
    groups: tuple[str, ...]
    group_of_category: Mapping[int, int]
    """Category id -> index in `groups`."""
    weights: Mapping[str, NDArray[np.float32]]
    """By layer: (group, target, cell, channel)."""
    bias: NDArray[np.float32]
    """(group, target, cell)."""
    features: Origin = field(default_factory=dict)
    """Origin of the features that it was trained on; empty if unknown. Features of another one are refused."""

    def select_targets(self, indices: NDArray[np.int64]) -> "GridModel":
        """Restrict the model to the targets at `indices` (n,), in that order."""
        return replace(
            self,
            targets=tuple(self.targets[index] for index in indices),
            weights={layer: weights[:, indices] for layer, weights in self.weights.items()},
            bias=self.bias[:, indices],
        )

    def save(self, path: Path | str) -> None:
        """Write the model, replacing what is at `path`; equal models give equal bytes."""
        names = ("group", "target", "cell", "channel")
        with replacing(Path(path)) as store:
            for layer, weights in self.weights.items():
                store.write(f"weights/{layer}", weights, names)
            store.write("bias", self.bias, names[:3])
            store.finish(SCHEMA, self._attributes())

    def digest(self) -> str:
        """SHA-256 of all that heat maps depend on."""
        arrays = {"bias": self.bias, **self.weights}
        described = {name: [values.dtype.str, values.shape] for name, values in arrays.items()}
        total = hashlib.sha256(json.dumps([self._attributes(), described]).encode())
        for values in arrays.values():
            total.update(values.tobytes())
        return total.hexdigest()

    @classmethod
    def open(cls, path: Path | str) -> "GridModel":
        """Read the model at a path, or at an address in an object store.

        Raises
        ------
        InputError
            When `path` does not hold a model of this version, or it is damaged.
        """
        store = Store.open(path, SCHEMA, "model", "train")
        attributes: dict[str, Any] = store.attributes
        layers = tuple(attributes["layers"])
        return cls(
            spec=GridSpec(layers, attributes["grid"]),
            heat_map=attributes["heat_map"],
            targets=tuple(attributes["targets"]),
            groups=tuple(attributes["groups"]),
            group_of_category={int(key): value for key, value in attributes["group_of_category"].items()},
            weights={layer: store.array(f"weights/{layer}")[:] for layer in layers},
            bias=store.array("bias")[:],
            features=attributes.get("features", {}),
        )

    def _attributes(self) -> dict[str, Any]:
        return {
            "layers": list(self.spec.layers),
            "grid": self.spec.grid,
            "heat_map": self.heat_map,
            "targets": list(self.targets),
            "groups": list(self.groups),
            "group_of_category": {str(key): value for key, value in self.group_of_category.items()},
            **({"features": dict(self.features)} if self.features else {}),
        }
