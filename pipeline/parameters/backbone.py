"""The frozen network."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.parameters.section import NO_FILE, Section

_CONVOLUTIONS = tuple(f"conv{i}" for i in range(1, 6))
LAYERS = {
    "efficientnet_lite0": (*(f"stage{i}" for i in range(7)), "pooled"),
    "alexnet_caffe": (*_CONVOLUTIONS, "pool1", "pool2", "pool5", "fc6", "fc7"),
    "alexnet": (*_CONVOLUTIONS, "pool1", "pool2", "pool5", "fc6", "fc7"),
    "vgg16": (*(f"pool{i}" for i in range(1, 6)), "fc6", "fc7"),
}
"""Layers of the networks with names of their own, told here without the seconds that building one takes; those of any
other network are known when it is built."""


class BackboneParameters(Section):
    """The frozen network and the layers whose maps are cached."""

    name: str = "efficientnet_lite0"
    weights: Literal["packaged", "library", "random", "file"] = "packaged"
    """packaged: of an installed package. library: downloaded by torchvision or timm. random: seeded."""
    file: str = NO_FILE
    """Weights (safetensors, or a state dict of torch) for `weights: file`. Always a file, so that DVC can watch it."""
    layers: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "stage1",
        "stage2",
        "stage3",
        "stage4",
        "stage5",
        "stage6",
        "pooled",
    )
    """From fine to coarse; the last one is the top layer of the ablations."""
    input_size: Annotated[int, Field(ge=32)] = 224

    @model_validator(mode="after")
    def _file_is_named(self) -> "BackboneParameters":
        if self.weights == "file" and self.file == NO_FILE:
            raise ValueError("backbone.weights is 'file', so backbone.file must name a file of weights")
        return self
