"""A trained grid of classifiers: linear weights per layer block, kept as Zarr."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from hypercolumns.grid.spec import GridSpec
from hypercolumns.stores import open_group

SCHEMA = "hypercolumns-grid/1"


@dataclass(frozen=True)
class GridModel:
    """K x K classifiers per target and group of categories, for blocks as they lie in the store.

    Standardisation is folded in: the logit of cell k at a location is the sum over layers of
    `weights[layer][group, target, k] . f + bias[group, target, k]`, f being that location's hypercolumn.
    Cells are numbered row by row. Paper, section 3.
    """

    spec: GridSpec
    heat_map: int
    """Locations per side of a heat map."""
    targets: tuple[str, ...]
    groups: tuple[str, ...]
    group_of_category: Mapping[int, int]
    """Category id -> position in `groups`."""
    weights: Mapping[str, NDArray[np.float32]]
    """By layer: (group, target, cell, channel)."""
    bias: NDArray[np.float32]
    """(group, target, cell)."""

    def of_targets(self, positions: NDArray[np.int64]) -> "GridModel":
        """The same classifiers of some of the targets only, in the order of `positions`."""
        return replace(
            self,
            targets=tuple(self.targets[position] for position in positions),
            weights={layer: weights[:, positions] for layer, weights in self.weights.items()},
            bias=self.bias[:, positions],
        )

    def save(self, path: Path) -> None:
        """Write the model; equal models give equal bytes."""
        root = zarr.create_group(path, overwrite=True)
        root.update_attributes(
            {
                "schema": SCHEMA,
                "layers": list(self.spec.layers),
                "grid": self.spec.grid,
                "heat_map": self.heat_map,
                "targets": list(self.targets),
                "groups": list(self.groups),
                "group_of_category": {str(key): value for key, value in self.group_of_category.items()},
            }
        )
        names = ("group", "target", "cell", "channel")
        for layer, weights in self.weights.items():
            root.create_array(f"weights/{layer}", data=weights, chunks=weights.shape, dimension_names=names)
        root.create_array("bias", data=self.bias, chunks=self.bias.shape, dimension_names=names[:3])

    @classmethod
    def open(cls, path: Path) -> "GridModel":
        """Read a model.

        Raises
        ------
        InputError
            When there is no model of this version at `path`.
        """
        root = open_group(path, SCHEMA, "model", "train")
        attributes: dict[str, Any] = root.attrs.asdict()
        layers = tuple(attributes["layers"])
        return cls(
            spec=GridSpec(layers, attributes["grid"]),
            heat_map=attributes["heat_map"],
            targets=tuple(attributes["targets"]),
            groups=tuple(attributes["groups"]),
            group_of_category={int(key): value for key, value in attributes["group_of_category"].items()},
            weights={layer: np.asarray(root[f"weights/{layer}"]) for layer in layers},
            bias=np.asarray(root["bias"]),
        )
