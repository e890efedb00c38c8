"""Pixel classification as napari-convpaint does it; a program for the peers' environment.

`python -m benchmarks.peers.convpaint CASE OUT` trains on the labels of all photographs and segments them, with
convpaint's default settings (VGG-16, its first layer at three scales) and its random forest. The weights are random,
because convpaint would download them.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.peers import shims

REPORTED_SETTINGS = (
    "fe_name",
    "fe_layers",
    "fe_scalings",
    "fe_order",
    "image_downsample",
    "clf_iterations",
    "clf_depth",
)
"""Settings that determine what is computed."""


def measure(case: dict[str, Any]) -> dict[str, Any]:
    """Measure, per photograph, seconds for features, training (features included) and masks, and bytes of features."""
    shims.declare_operators()
    import torchvision
    from napari_convpaint.convpaint_model import ConvpaintModel
    from napari_convpaint.feature_extractors.nnlayers import Hookmodel

    torch.manual_seed(0)
    network = torchvision.models.vgg16(weights=None).eval()
    Hookmodel.create_model = staticmethod(lambda _name: network)
    model = ConvpaintModel(alias="vgg")
    model.set_params(channel_mode="rgb")
    pictures = [np.asarray(Image.open(p["path"]).convert("RGB")).transpose(2, 0, 1) for p in case["photographs"]]
    labels = [np.asarray(Image.open(p["labels"])).astype(np.int32) for p in case["photographs"]]
    start = time.perf_counter()
    sizes = [np.asarray(model.get_feature_image(picture)).nbytes for picture in pictures]
    features = time.perf_counter() - start
    start = time.perf_counter()
    model.train(pictures, labels, use_rf=True)
    trained = time.perf_counter() - start
    start = time.perf_counter()
    for picture in pictures:
        model.segment(picture)
    segmented = time.perf_counter() - start
    settings = vars(model._param)
    return {
        "features": features / len(pictures),
        "train": trained / len(pictures),
        "segment": segmented / len(pictures),
        "bytes": sum(sizes) / len(pictures),
        "version": version("napari-convpaint"),
        "settings": ", ".join(
            f"{name} {settings[name]}" for name in REPORTED_SETTINGS if settings.get(name) is not None
        ),
    }


if __name__ == "__main__":
    measured = measure(json.loads(Path(sys.argv[1]).read_text()))
    Path(sys.argv[2]).write_text(json.dumps(measured))
