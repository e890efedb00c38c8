"""The frozen network."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from hypercolumns.errors import choices
from hypercolumns.parameters.section import NO_FILE, Section

_ALEXNET = ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5", "fc6", "fc7")
LAYERS = {
    "efficientnet_lite0": (*(f"stage{i}" for i in range(7)), "pooled"),
    "alexnet_caffe": _ALEXNET,
    "alexnet": _ALEXNET,
    "vgg16": (*(f"pool{i}" for i in range(1, 6)), "fc6", "fc7"),
}
"""Layers of the networks with names of their own, from fine to coarse, told here without the seconds that building one
takes; those of any other network are known when it is built."""

LIBRARIES = ("torchvision", "timm")
"""Whose models have names of the form LIBRARY:MODEL."""


class BackboneParameters(Section):
    """The frozen network and the layers whose maps are cached."""

    name: str = "efficientnet_lite0"
    weights: Literal["packaged", "library", "random", "file"] = "packaged"
    """packaged: of an installed package. library: downloaded by torchvision or timm. random: seeded."""
    file: str = NO_FILE
    """Weights (safetensors, or a state dict of torch) for `weights: file`. Always a file, so that DVC can watch it."""
    layers: Annotated[tuple[str, ...], Field(min_length=1)] = ("stage2", "stage3", "stage4", "stage5", "pooled")
    """From fine to coarse; the last one is the top layer of the ablations."""
    input_size: Annotated[int, Field(ge=32)] = 224

    @field_validator("name")
    @classmethod
    def _name_is_known(cls, name: str) -> str:
        library, _, model = name.partition(":")
        if name not in LAYERS and not (library in LIBRARIES and model):
            raise ValueError(
                f"backbone.name is {name!r}; choose {choices(LAYERS)}, or any model of two libraries as "
                f"torchvision:MODEL (torchvision:resnet50) or timm:MODEL (timm:vit_small_patch16_224) with its module "
                f"names as layers"
            )
        return name

    @model_validator(mode="after")
    def _file_is_named(self) -> "BackboneParameters":
        if self.weights == "file" and self.file == NO_FILE:
            raise ValueError("backbone.weights is 'file', so backbone.file must name a file of weights")
        return self
