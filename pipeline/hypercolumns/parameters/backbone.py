"""The frozen network, and the layers of the networks that have a short name."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from hypercolumns.errors import choices
from hypercolumns.parameters.section import NO_FILE, Section

_ALEXNET = ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5", "fc6", "fc7")
_EFFICIENTNET = (*(f"stage{i}" for i in range(7)), "pooled")
LAYERS = {
    **{f"efficientnet_lite{scale}": _EFFICIENTNET for scale in range(3)},
    "alexnet_caffe": _ALEXNET,
    "alexnet": _ALEXNET,
    "vgg16": (*(f"pool{i}" for i in range(1, 6)), "fc6", "fc7"),
}
"""Layers from fine to coarse, by network. Listed here so that a wrong layer is refused without importing torch; the
layers of other networks are known only after these are built."""

Engine = Literal["onnxruntime", "torch"]
"""Library that computes the passes of a network on the CPU."""

LIBRARIES = ("torchvision", "timm")
"""Libraries whose models are named LIBRARY:MODEL."""


class BackboneParameters(Section):
    """The frozen network, and the layers whose maps are cached."""

    name: str = "efficientnet_lite0"
    """efficientnet_lite0, _lite1, _lite2, alexnet, alexnet_caffe, vgg16, torchvision:MODEL or timm:MODEL."""
    weights: Literal["packaged", "library", "random", "file"] = "packaged"
    """packaged (in an installed package), library (downloaded by torchvision or timm), random (seeded) or file."""
    file: str = NO_FILE
    """Weights for `weights: file`: safetensors or a torch state dict. Must exist even when unused: DVC watches it."""
    layers: Annotated[tuple[str, ...], Field(min_length=1)] = ("stage2", "stage3", "stage4", "stage5", "pooled")
    """From fine to coarse; the last one is the top layer of the baselines and the ablation."""
    input_size: Annotated[int, Field(ge=32, le=8192)] = 224
    """Regions are warped to squares of this side, in pixels."""
    engine: Engine = "onnxruntime"
    """onnxruntime (twice as fast) or torch (any network). Computes features on the CPU; on a GPU torch always does."""

    @field_validator("name")
    @classmethod
    def _name_is_known(cls, name: str) -> str:
        library, _, model = name.partition(":")
        if name not in LAYERS and not (library in LIBRARIES and model):
            raise ValueError(
                f"backbone.name is {name!r}; choose {choices(LAYERS)}, torchvision:MODEL (torchvision:resnet50) or "
                f"timm:MODEL (timm:vit_small_patch16_224), the last two with module names as layers"
            )
        return name

    @model_validator(mode="after")
    def _file_is_named(self) -> "BackboneParameters":
        if self.weights == "file" and self.file == NO_FILE:
            raise ValueError("backbone.weights is 'file', so backbone.file must name a file with weights")
        return self
