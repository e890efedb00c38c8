"""Convert a backbone to an ONNX model, which is kept in a cache, and check that it computes what the backbone does."""

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from hypercolumns.backbones.backbone import Backbone
from hypercolumns.backbones.session import IMAGES, Session
from hypercolumns.errors import InputError
from hypercolumns.packages import ENGINE_PACKAGES, installed_versions
from hypercolumns.places.place import place_at
from hypercolumns.scratch.cache import ContentCache
from hypercolumns.scratch.digests import key_digest

Sizes = Literal["crops", "photographs"]
"""crops: squares of the network's input size. photographs: any sides that are multiples of the coarsest stride."""

FOLDER = "onnx"
"""Folder below `.scratch`."""

MAX_KEPT = 8
"""Models that stay in the cache: those of several layers and data sets side by side, at 14 to 540 MB each."""

OPSET = 18

TOLERANCE = 1e-4
"""Largest difference between the engines, relative to the largest value of a layer. Measured: 1e-6 to 4e-6."""

_MODEL = "model"


def convert(backbone: Backbone, sizes: Sizes, cache: Path | None) -> Session:
    """Make a session of ONNX Runtime that computes the maps of a backbone.

    Parameters
    ----------
    backbone
        Must be on the CPU.
    sizes
        Images that it is given.
    cache
        Folder of scratch, which the caller holds; None converts anew, which takes one to three seconds.

    Raises
    ------
    InputError
        If the network cannot be converted, or computes other values in ONNX Runtime.
    """
    key = {"versions": installed_versions(("torch", *ENGINE_PACKAGES["onnxruntime"])), "opset": OPSET}
    content = key_digest(
        {
            "network": [backbone.name, backbone.weights_sha256, backbone.input_size, backbone.mean, backbone.std],
            "taps": [[name, repr(tap)] for name, tap in backbone.taps.items()],
            "sizes": sizes,
        }
    )
    kept = None if cache is None else ContentCache(place_at(cache / FOLDER), key)
    arrays = kept.get(content) if kept else None
    try:
        if arrays is not None:
            return Session(arrays[_MODEL].tobytes())
        model = _export(backbone, sizes)
        session = Session(model)
        _compare(backbone, session, sizes)
    except Exception as error:  # the exporter and ONNX Runtime document no common class
        reason = " ".join(str(error).split())[:300]
        images = "images of any size" if sizes == "photographs" else f"crops of {backbone.input_size} pixels"
        raise InputError(
            f"backbone.engine is onnxruntime, which cannot run {backbone.name} with the layers "
            f"{', '.join(backbone.taps)} on {images} ({type(error).__name__}: {reason}). Set backbone.engine to torch."
        ) from None
    if kept:
        kept.put(content, {_MODEL: np.frombuffer(model, np.uint8)})
        kept.keep_only({file.name for file in _latest(Path(kept.address))})
    return session


class _Outputs(nn.Module):
    """A backbone that returns its maps as a tuple, which is all that the exporter understands."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.eval()  # the exporter restores this mode, in the modules inside too

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.backbone(images).values())


def _export(backbone: Backbone, sizes: Sizes) -> bytes:
    """Write a backbone as an ONNX model for any number of images.

    Notes
    -----
    Records the operators of one pass (TorchScript). `torch.export`, with which torch replaces this, takes 8 to 35
    seconds where this takes one to three, and does not end within ten minutes for images of any size.
    """
    side = backbone.input_size
    axes: dict[str, dict[int, str]] = {IMAGES: {0: "images"}, **{name: {0: "images"} for name in backbone.taps}}
    if sizes == "photographs":
        axes[IMAGES] |= {2: "height", 3: "width"}
    file = io.BytesIO()
    with warnings.catch_warnings(), _without_log(), torch.inference_mode(False), torch.no_grad():
        warnings.simplefilter("ignore")  # about the newer exporter, and sizes that are constants
        torch.onnx.export(
            _Outputs(backbone),
            (torch.zeros(2, 3, side, side),),
            file,  # type: ignore[arg-type] # documented as a path, for the newer exporter
            input_names=[IMAGES],
            output_names=list(backbone.taps),
            dynamic_axes=axes,
            opset_version=OPSET,
            verbose=False,
            dynamo=False,
        )
    return file.getvalue()


@contextmanager
def _without_log() -> Iterator[None]:
    """Keep the exporter silent: it turns its log on itself, and prints the whole graph where it cannot convert it."""
    log = torch._C._jit_onnx_log
    torch._C._jit_onnx_log = lambda *_: None
    try:
        yield
    finally:
        torch._C._jit_onnx_log = log


def _compare(backbone: Backbone, session: Session, sizes: Sizes) -> None:
    """Refuse a session whose maps are not those of the backbone.

    Recorded operators are those of one size: a network that adapts to the size of an image gives wrong maps for others.
    """
    generator = torch.Generator().manual_seed(0)
    for height, width in _checked_sizes(backbone, sizes):
        images = torch.rand((1, 3, height, width), generator=generator)
        with torch.inference_mode():
            expected = backbone(images)
        for name, values in session(images).items():
            if values.shape != expected[name].shape:
                raise ValueError(f"{name} has the shape {tuple(values.shape)} for {width} x {height} pixels")
            scale = float(expected[name].abs().max())
            # NaN is neither more nor less: weights that give NaN are reported when features are computed.
            if float((values - expected[name]).abs().max()) > TOLERANCE * scale:
                raise ValueError(f"{name} has other values for {width} x {height} pixels")


def _checked_sizes(backbone: Backbone, sizes: Sizes) -> list[tuple[int, int]]:
    """Heights and widths that are compared: for photographs larger and smaller than the recorded ones."""
    side = backbone.input_size
    if sizes == "crops":
        return [(side, side)]
    step = max(1, *(layer.stride for layer in backbone.layers))
    cells = math.ceil(side / step)
    return [((cells + 3) * step, (cells + 6) * step), ((cells + 2) * step, max(2, cells - 1) * step)]


def _latest(folder: Path) -> list[Path]:
    files: list[Any] = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime)
    return files[-MAX_KEPT:]
