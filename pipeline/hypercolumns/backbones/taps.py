"""Where a network's layers are tapped: module outputs of any shape become (batch, channel, y, x) maps."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

Form = Literal["map", "channels_last", "tokens", "vector"]


class _Reached(Exception):  # noqa: N818 - a signal, not an error
    """The deepest wanted module has given its output; the rest of the network need not run."""


@dataclass(frozen=True)
class Tap:
    """How the output of a module becomes a map.

    `form`: (b, c, y, x), channels_last (b, y, x, c), tokens (b, prefix + y * x, c) or a vector (b, c). `stride` is in
    pixels of the input; 0 for what is 1 x 1 for any input.
    """

    module: str
    form: Form
    channels: int
    stride: int
    prefix: int = 0

    def as_map(self, output: Tensor, height: int, width: int) -> Tensor:
        """The module's `output` for an input of `height` x `width` pixels as (b, c, y, x)."""
        if self.form == "vector":
            return output[:, :, None, None]
        if self.form == "channels_last":
            return output.permute(0, 3, 1, 2)
        if self.form == "tokens":
            grid = output[:, self.prefix :].transpose(1, 2)
            return grid.unflatten(2, (height // self.stride, width // self.stride))
        return output


@dataclass(frozen=True)
class Outputs:
    """Shapes that the modules of a network gave in one pass, in the order of the pass."""

    shapes: Mapping[str, tuple[int, ...]]
    repeated: frozenset[str]
    """Modules that ran more than once in the pass, so that their name does not say which output is meant."""


def trace(model: nn.Module, images: Tensor) -> Outputs:
    """Run `model` on `images` and note the shape of every module's output that is one tensor."""
    shapes: dict[str, tuple[int, ...]] = {}
    repeated: set[str] = set()

    def note(name: str, output: Any) -> None:
        if name in shapes:
            repeated.add(name)
        elif isinstance(output, Tensor) and output.ndim in (2, 3, 4) and len(output) == len(images):
            shapes[name] = tuple(output.shape)

    with torch.inference_mode(), _listening(dict(model.named_modules()), note):
        model(images)
    shapes.pop("", None)
    return Outputs(shapes, frozenset(repeated))


def measure(outputs: Outputs, module: str, side: int, prefix: int | None = None) -> Tap | None:
    """The tap of a module from the shape it gave for a square input of `side` pixels.

    `prefix` is the number of tokens before those of the grid, tried from 0 to 8 when not known. Returns None when
    the shape cannot be told to be a map: tokens that form no square, or a map that may be channels-last or not.
    """
    shape = outputs.shapes[module]
    if len(shape) == 2:
        return Tap(module, "vector", shape[1], 0)
    if len(shape) == 3:
        for candidate in range(9) if prefix is None else (prefix, 0):
            grid = math.isqrt(max(shape[1] - candidate, 0))
            if grid and grid**2 == shape[1] - candidate and side % grid == 0:
                return Tap(module, "tokens", shape[2], side // grid, candidate)
        return None
    if _is_channels_last(shape):
        return Tap(module, "channels_last", shape[3], _stride(side, shape[1]))
    ambiguous = shape[1] == shape[2] == shape[3] > 1
    if shape[2] != shape[3] or (ambiguous and any(_is_channels_last(s) for s in outputs.shapes.values())):
        return None
    return Tap(module, "map", shape[1], _stride(side, shape[2]))


def source_of_mean(model: nn.Module, tap: Tap, outputs: Outputs, noise: Tensor) -> Tap | None:
    """The map whose mean over all its cells is what `tap` gives, as after global average pooling; the last such one.

    Found by comparing the two for a square image of `noise` (1, 3, side, side), on the device of `model`, whatever the
    modules are called. None where the output of `tap` is no such mean. `outputs` are those of a pass over such images.
    """
    side = noise.shape[-1]
    measured = {name: measure(outputs, name, side) for name in outputs.shapes if name not in outputs.repeated}
    maps = {name: m for name, m in measured.items() if m and m.stride and m.channels == tap.channels}
    means: dict[str, Tensor] = {}

    def keep(name: str, output: Any) -> None:
        # At once, since modules behind may work in place.
        means[name] = maps[name].as_map(output, side, side).mean(dim=(2, 3)) if name in maps else output.flatten(1) + 0

    with torch.inference_mode(), _listening({n: model.get_submodule(n) for n in (*maps, tap.module)}, keep):
        model(noise)
    vector = means.pop(tap.module)
    tolerance = 1e-4 * float(vector.abs().max())
    same = [name for name, mean in means.items() if torch.allclose(mean, vector, rtol=0, atol=tolerance)]
    return maps[same[-1]] if same else None


def collect(model: nn.Module, modules: tuple[str, ...], images: Tensor) -> dict[str, Tensor]:
    """Outputs of `modules` for `images`, by module; runs no deeper than needed.

    Outputs are copied, since modules behind them may work in place (ReLU, residual sums).
    """
    found: dict[str, Tensor] = {}

    def keep(name: str, output: Any) -> None:
        if len(found) + 1 == len(modules):
            found[name] = output
            raise _Reached
        found[name] = output.clone()

    with _listening({name: model.get_submodule(name) for name in modules}, keep), suppress(_Reached):
        model(images)
    return found


@contextmanager
def _listening(modules: Mapping[str, nn.Module], receive: Callable[[str, Any], None]) -> Iterator[None]:
    """Call `receive(name, output)` whenever one of `modules` has run."""

    def hook(name: str) -> Callable[[nn.Module, Any, Any], None]:
        return lambda _module, _inputs, output: receive(name, output)

    handles = [module.register_forward_hook(hook(name)) for name, module in modules.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _is_channels_last(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[1] == shape[2] != shape[3] and shape[1] > 1


def _stride(side: int, cells: int) -> int:
    """The stride of a map of `cells` cells a side: exact where it divides the input, else the next power of two.

    Borders without padding make maps smaller than input / stride: 13 cells of 227 pixels have stride 16.
    """
    if cells == 1:
        return 0
    return side // cells if side % cells == 0 else 2 ** round(math.log2(side / cells))
