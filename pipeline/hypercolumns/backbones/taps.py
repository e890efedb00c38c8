"""Read the outputs of a network's modules and turn them, whatever their shape, into (batch, channel, y, x) maps."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

Form = Literal["map", "channels_last", "tokens", "vector"]

MAX_PREFIX_TOKENS = 8
"""Class and register tokens that are tried before those of the grid when their number is unknown."""


class _AllCollected(Exception):  # noqa: N818 - a signal, not an error
    """All wanted modules have run; the rest of the network can be skipped."""


@dataclass(frozen=True)
class Tap:
    """A module whose output is read, and how that output becomes a map.

    Attributes
    ----------
    module
        Name of the module in the network.
    form
        map (b, c, y, x), channels_last (b, y, x, c), tokens (b, prefix + y * x, c) or vector (b, c).
    channels
        Number of channels c.
    stride
        Distance between neighbouring cells in pixels of the input; 0 for outputs that are 1 x 1 for any input.
    prefix
        Number of tokens before those of the grid.
    cells
        Cells per side that the map is averaged to; None leaves it as it is.
    norm
        Name of the module that normalises the output first: that after the last block of a transformer; None for other
        outputs.
    """

    module: str
    form: Form
    channels: int
    stride: int
    prefix: int = 0
    cells: int | None = None
    norm: str | None = None

    def as_map(self, output: Tensor, height: int, width: int) -> Tensor:
        """Reshape the module's `output` for an input of `height` x `width` pixels to (b, c, y, x)."""
        values = self._reshape(output, height, width)
        return values if self.cells is None or not self.stride else _average(values, self.cells)

    def _reshape(self, output: Tensor, height: int, width: int) -> Tensor:
        if self.form == "vector":
            return output[:, :, None, None]
        if self.form == "channels_last":
            return output.permute(0, 3, 1, 2)
        if self.form == "tokens":
            grid = output[:, self.prefix :].transpose(1, 2)
            return grid.unflatten(2, (height // self.stride, width // self.stride))
        return output


def _average(values: Tensor, cells: int) -> Tensor:
    """Average maps (b, c, y, x) over the parts of `cells` x `cells` equal cells that their values cover.

    Two products, since converters do not know PyTorch's adaptive pooling for sizes that are not multiples of `cells`.
    """
    # Sizes are numbers even while a converter records.
    y, x = (_shares(int(size), cells, values.device).to(values.dtype) for size in values.shape[2:])
    return y @ values @ x.T


def _shares(size: int, cells: int, device: torch.device) -> Tensor:
    """Share (cells, size) that each of `size` values has in the mean over each of `cells` equal cells.

    Made on the device from integers: a copy from the host could not be recorded as part of a CUDA graph.
    """
    cell = torch.arange(cells, device=device)[:, None] * size
    value = torch.arange(size, device=device) * cells
    overlap = torch.minimum(cell + size, value + cells) - torch.maximum(cell, value)
    return overlap.clamp(min=0) / size


@dataclass(frozen=True)
class OutputShapes:
    """Output shapes of a network's modules in one forward pass, in the order in which the modules ran.

    Attributes
    ----------
    shapes
        Shape by module name.
    repeated
        Modules that ran more than once, so that their name does not identify one output.
    """

    shapes: Mapping[str, tuple[int, ...]]
    repeated: frozenset[str]


def trace(model: nn.Module, images: Tensor) -> OutputShapes:
    """Run `model` on `images` and record the shape of every module output that is a single tensor."""
    shapes: dict[str, tuple[int, ...]] = {}
    repeated: set[str] = set()

    def record(name: str, output: Any) -> None:
        if name in shapes:
            repeated.add(name)
        elif isinstance(output, Tensor) and output.ndim in (2, 3, 4) and len(output) == len(images):
            shapes[name] = tuple(output.shape)

    with torch.inference_mode(), _output_hooks(dict(model.named_modules()), record):
        model(images)
    shapes.pop("", None)
    return OutputShapes(shapes, frozenset(repeated))


def infer_tap(outputs: OutputShapes, module: str, side: int, prefix: int | None = None) -> Tap | None:
    """Infer the tap of a module from the shape of its output for a square input.

    Parameters
    ----------
    outputs
        Shapes for an input of `side` x `side` pixels.
    prefix
        Number of tokens before those of the grid; None tries 0 to `MAX_PREFIX_TOKENS`.

    Returns
    -------
    The tap, or None when the shape is ambiguous: tokens that do not form a square, or a four-dimensional output that
    may or may not have its channels last.

    Examples
    --------
    >>> outputs = OutputShapes({"layer": (1, 64, 14, 14), "block": (1, 197, 192)}, frozenset())
    >>> infer_tap(outputs, "layer", 224)
    Tap(module='layer', form='map', channels=64, stride=16, prefix=0, cells=None, norm=None)
    >>> infer_tap(outputs, "block", 224)
    Tap(module='block', form='tokens', channels=192, stride=16, prefix=1, cells=None, norm=None)
    """
    shape = outputs.shapes[module]
    if len(shape) == 2:
        return Tap(module, "vector", shape[1], 0)
    if len(shape) == 3:
        for candidate in range(MAX_PREFIX_TOKENS + 1) if prefix is None else (prefix, 0):
            grid = math.isqrt(max(shape[1] - candidate, 0))
            if grid and grid**2 == shape[1] - candidate and side % grid == 0:
                return Tap(module, "tokens", shape[2], side // grid, candidate)
        return None
    if _is_channels_last(shape):
        return Tap(module, "channels_last", shape[3], _stride(side, shape[1]))
    is_cube = shape[1] == shape[2] == shape[3] > 1
    if shape[2] != shape[3] or (is_cube and any(_is_channels_last(s) for s in outputs.shapes.values())):
        return None
    return Tap(module, "map", shape[1], _stride(side, shape[2]))


def find_averaged_map(model: nn.Module, tap: Tap, outputs: OutputShapes, noise: Tensor) -> Tap | None:
    """Find the map whose mean over all cells is the output of `tap`, as with global average pooling.

    Compares the values of all maps, so that it works whatever the modules are called.

    Parameters
    ----------
    tap
        A tap of form vector, or of a 1 x 1 map.
    outputs
        Shapes of a pass over `noise`.
    noise
        (1, 3, side, side) random image on the device of `model`.

    Returns
    -------
    The last matching map, or None when the output of `tap` is not the mean of any map.
    """
    side = noise.shape[-1]
    taps = {name: infer_tap(outputs, name, side) for name in outputs.shapes if name not in outputs.repeated}
    maps = {name: t for name, t in taps.items() if t and t.stride and t.channels == tap.channels}
    means: dict[str, Tensor] = {}

    def keep_mean(name: str, output: Any) -> None:
        # Compute new tensors at once: later modules may change the output in place.
        means[name] = maps[name].as_map(output, side, side).mean(dim=(2, 3)) if name in maps else output.flatten(1) + 0

    with torch.inference_mode(), _output_hooks({n: model.get_submodule(n) for n in (*maps, tap.module)}, keep_mean):
        model(noise)
    vector = means.pop(tap.module)
    tolerance = 1e-4 * float(vector.abs().max())
    matches = [name for name, mean in means.items() if torch.allclose(mean, vector, rtol=0, atol=tolerance)]
    return maps[matches[-1]] if matches else None


def collect(model: nn.Module, modules: tuple[str, ...], images: Tensor) -> dict[str, Tensor]:
    """Run `model` on `images` only as deep as needed and return the outputs of `modules` by name.

    Outputs are copied, except the last: later modules may work in place (ReLU, residual sums).
    """
    found: dict[str, Tensor] = {}
    # `torch.export` cannot leave a module early; it drops what the outputs do not need.
    leaves_early = not torch.compiler.is_exporting()

    def keep(name: str, output: Any) -> None:
        if len(found) + 1 == len(modules) and leaves_early:
            found[name] = output
            raise _AllCollected
        found[name] = output.clone()

    with _output_hooks({name: model.get_submodule(name) for name in modules}, keep), suppress(_AllCollected):
        model(images)
    return found


@contextmanager
def _output_hooks(modules: Mapping[str, nn.Module], receive: Callable[[str, Any], None]) -> Iterator[None]:
    """Call `receive(name, output)` whenever one of `modules` has run."""

    def hook(name: str) -> Callable[[nn.Module, Any, Any], None]:
        return lambda _module, _inputs, output: receive(name, output)

    with ExitStack() as handles:
        for name, module in modules.items():
            handles.enter_context(module.register_forward_hook(hook(name)))
        yield


def _is_channels_last(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[1] == shape[2] != shape[3] and shape[1] > 1


def _stride(side: int, cells: int) -> int:
    """Stride of a map with `cells` cells per side: exact if they divide the input, else the nearest power of two.

    Unpadded borders make maps smaller than input / stride: 13 cells for 227 pixels mean stride 16. A single cell means
    stride 0.
    """
    if cells == 1:
        return 0
    return side // cells if side % cells == 0 else 2 ** round(math.log2(side / cells))
