"""The frozen network."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.parameters.section import NO_FILE, Section


class BackboneParameters(Section):
    """The frozen network and the layers whose maps are cached."""

    name: str = "efficientnet_lite0"
    weights: Literal["packaged", "library", "random", "file"] = "packaged"
    """packaged: of an installed package. library: downloaded by torchvision or timm. random: seeded."""
    file: str = NO_FILE
    """Weights (safetensors, or a state dict of torch) for `weights: file`. Always a file, so that DVC can watch it."""
    layers: Annotated[tuple[str, ...], Field(min_length=1)] = ("stage1", "stage2", "stage4", "stage6", "pooled")
    """From fine to coarse; the last one is the top layer of the ablations."""
    input_size: Annotated[int, Field(ge=32)] = 224

    @model_validator(mode="after")
    def _file_is_named(self) -> "BackboneParameters":
        if self.weights == "file" and self.file == NO_FILE:
            raise ValueError("backbone.weights is 'file', so backbone.file must name a file of weights")
        return self
