"""The grids of a task as a torch module: 1 x 1 convolutions, fixed interpolation, and blending of the cells."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hypercolumns.errors import InputError, choices
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.scoring import Blending
from hypercolumns.regions.interpolation import interpolation_matrix, linear_taps

MapSizes = Mapping[str, tuple[int, int]]
"""(height, width) of the maps of each layer."""


class Grids(nn.Module):
    """Heat maps from the maps of a network's layers: what `grid.scoring.heat_maps` computes, as a torch module.

    Attributes
    ----------
    layers, targets
        Those of the model.
    categories
        Ids of the categories, ascending; `forward` takes positions in this tuple.
    has_groups
        Whether categories are answered by different grids, so that `forward` needs the category of each region.

    Parameters
    ----------
    model
        The trained grids. Their weights become parameters that can be trained further.
    map_sizes
        Height and width of the maps of every layer of `model`. They are fixed, as the interpolation is.
    blending
        As for `grid.scoring.heat_maps`.

    Raises
    ------
    InputError
        If `map_sizes` lacks a layer of the model.

    Notes
    -----
    Weights are applied at the resolution of each map, by a 1 x 1 convolution for all K x K cells. Blending is bilinear,
    so each location is answered by four cells: two rows of cells times two columns. One matrix interpolates a map and
    selects the cells along an axis at once (`_tap_matrix`); it gives twice `heat_map` values per axis, the answers of
    the first cell at all locations and then those of the second. No answer of another cell is ever computed.
    """

    blend_weights: Tensor
    group_of_category: Tensor

    def __init__(self, model: GridModel, map_sizes: MapSizes, blending: Blending = "probability") -> None:
        super().__init__()
        missing = [layer for layer in model.spec.layers if layer not in map_sizes]
        if missing:
            raise InputError(f"The model needs the layer {missing[0]!r}; there are maps of {choices(map_sizes)}.")
        size, grid = model.heat_map, model.spec.grid
        self.layers, self.targets, self.categories = (
            model.spec.layers,
            model.targets,
            tuple(sorted(model.group_of_category)),
        )
        self.heat_map, self.grid, self.blending = size, grid, blending
        self.has_groups = len(model.groups) > 1
        self.classifiers = nn.ModuleList(_CellClassifiers(model.weights[layer]) for layer in self.layers)
        self._channels = [model.weights[layer].shape[-1] for layer in self.layers]
        self.bias = nn.Parameter(torch.from_numpy(model.bias).flatten(1), requires_grad=False)
        if self.has_groups:
            groups = [model.group_of_category[category] for category in self.categories]
            self.register_buffer("group_of_category", torch.tensor(groups))
        # One upsampling for all layers with maps of the same size.
        self._layers_by_size: dict[tuple[int, int], list[int]] = {}
        for index, layer in enumerate(self.layers):
            self._layers_by_size.setdefault(map_sizes[layer], []).append(index)
        self.upsamplings = nn.ModuleList(_Upsampling(*map_size, size, grid) for map_size in self._layers_by_size)
        _, weights = _cell_taps(size, grid)
        axis = weights.T.reshape(-1)
        self.register_buffer("blend_weights", torch.from_numpy(np.outer(axis, axis).astype(np.float32)))

    def forward(self, maps: Mapping[str, Tensor], category: Tensor | None = None) -> Tensor:
        """Compute the probability of every target at every location.

        Parameters
        ----------
        maps
            (n, channels, y, x) float32 by layer, of the sizes that the module was made for.
        category
            (n,) int64 positions in `categories`. Needed if the model has several groups, otherwise unused.

        Returns
        -------
        (n, target, heat_map, heat_map) in 0..1.

        Raises
        ------
        ValueError
            If the model has several groups and `category` is None.
        """
        group = None
        if self.has_groups:
            if category is None:
                raise ValueError("categories have different grids: give the category of each region")
            group = self.group_of_category[category]
        bias = self.bias if group is None else self.bias[group]
        logits: Tensor | None = None
        for upsampling, indices in zip(self.upsamplings, self._layers_by_size.values(), strict=True):
            scores = sum(self.classifiers[index](maps[self.layers[index]], group) for index in indices)
            if logits is None:
                # Interpolation leaves a constant as it is.
                scores = scores + bias[:, :, None, None]
            upsampled = upsampling(scores.unflatten(1, (len(self.targets), self.grid, self.grid)))
            logits = upsampled if logits is None else logits + upsampled
        assert logits is not None  # noqa: S101 - a model has layers
        if self.blending == "logit":
            return self._blend(logits).sigmoid()
        return self._blend(logits.sigmoid())

    def example_maps(self, regions: int) -> dict[str, Tensor]:
        """Make maps of the sizes that the module takes, with the value zero."""
        maps = {}
        for size, indices in self._layers_by_size.items():
            for index in indices:
                maps[self.layers[index]] = torch.zeros(regions, self._channels[index], *size)
        return {layer: maps[layer] for layer in self.layers}

    def _blend(self, answers: Tensor) -> Tensor:
        """Blend answers (n, target, 2 * heat_map, 2 * heat_map) to (n, target, heat_map, heat_map)."""
        shape = (-1, len(self.targets), 2, self.heat_map, 2, self.heat_map)
        return (answers * self.blend_weights).reshape(shape).sum(dim=(2, 4))


class _CellClassifiers(nn.Module):
    """The classifiers of one layer: a 1 x 1 convolution from its channels to all targets and cells."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        super().__init__()
        groups, _, _, channels = weights.shape
        self.weight = nn.Parameter(torch.from_numpy(weights).reshape(groups, -1, channels), requires_grad=False)

    def forward(self, maps: Tensor, group: Tensor | None) -> Tensor:
        """Score (n, channel, y, x) maps: (n, target * cell, y, x); `group` (n,) selects the weights of each region."""
        if group is None:
            return nn.functional.conv2d(maps, self.weight[0, :, :, None, None])
        # A convolution with other weights for each region is a batch of matrix products.
        return torch.bmm(self.weight[group], maps.flatten(2)).unflatten(2, maps.shape[2:])


class _Upsampling(nn.Module):
    """Interpolates the scores of the cells at the locations where their answers count."""

    vertical: Tensor
    horizontal: Tensor

    def __init__(self, height: int, width: int, size: int, grid: int) -> None:
        super().__init__()
        self.register_buffer("vertical", torch.from_numpy(_tap_matrix(height, size, grid)))
        self.register_buffer("horizontal", torch.from_numpy(_tap_matrix(width, size, grid).T.copy()))

    def forward(self, scores: Tensor) -> Tensor:
        """Interpolate (n, target, cell row, cell column, y, x) to (n, target, 2 * size, 2 * size)."""
        by_axis = (
            scores.permute(0, 1, 2, 4, 3, 5).flatten(4).flatten(2, 3)
        )  # (n, target, cell row * y, cell column * x)
        return self.vertical @ by_axis @ self.horizontal


def _cell_taps(size: int, grid: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Find the two cells that answer for each location along one axis, (size, 2), and their weights, (size, 2)."""
    return linear_taps((np.arange(size) + 0.5) / size, grid)


def _tap_matrix(source: int, size: int, grid: int) -> NDArray[np.float32]:
    """Build the matrix that interpolates and selects cells along one axis.

    Parameters
    ----------
    source
        Length of the map.
    size
        Locations per side of a heat map.
    grid
        Cells per side.

    Returns
    -------
    (2 * size, grid * source). Row i holds the interpolation of location i, in the columns of the first of the two cells
    that answer there; row `size` + i the same for the second cell.
    """
    interpolation = interpolation_matrix(source, size)
    cells, _ = _cell_taps(size, grid)
    matrix = np.zeros((2, size, grid, source), dtype=np.float32)
    for tap in range(2):
        matrix[tap, np.arange(size), cells[:, tap]] = interpolation
    return matrix.reshape(2 * size, grid * source)
