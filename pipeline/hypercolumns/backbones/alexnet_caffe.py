"""Caffe's reference AlexNet, with grouped convolutions and local response normalisation: the T-Net of the paper."""

from collections import OrderedDict

from torch import Tensor, nn

MEAN = (122.67892 / 255, 116.66877 / 255, 104.00699 / 255)
"""Caffe's ImageNet mean colour, converted to RGB in 0..1 (Caffe subtracts it from BGR in 0..255)."""

STD = (1 / 255, 1 / 255, 1 / 255)
"""Restores the range 0..255: Caffe subtracts the mean without scaling."""

LAYERS = {
    **{f"conv{i}": f"relu{i}" for i in range(1, 6)},
    **{f"pool{i}": f"pool{i}" for i in (1, 2, 5)},
    "fc6": "relu6",
    "fc7": "relu7",
}
"""Module by layer name. Caffe's ReLU works in place, so its blobs `conv4` and `fc7` hold the values after the ReLU."""


class AlexNetCaffe(nn.Sequential):
    """Caffe's reference AlexNet up to fc7.

    Takes (b, 3, 227, 227) RGB images normalised with `MEAN` and `STD`; the fully connected layers accept no other size.

    Notes
    -----
    A weights file holds the tensors conv1 to conv5, fc6 and fc7, each with `.weight` and `.bias`, in the shapes and
    the BGR channel order of Caffe's blobs: conv1.weight (96, 3, 11, 11), conv2.weight (256, 48, 5, 5),
    conv3.weight (384, 256, 3, 3), conv4.weight (384, 192, 3, 3), conv5.weight (256, 192, 3, 3), fc6.weight (4096,
    9216), fc7.weight (4096, 4096).

    The hypercolumn has pool2 (256) + conv4 (384) + fc7 (4096) = 4736 channels. Paper, T-Net.
    """

    def __init__(self) -> None:
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(3, 96, 11, stride=4),
                relu1=nn.ReLU(),
                pool1=nn.MaxPool2d(3, 2),
                norm1=nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0),
                conv2=nn.Conv2d(96, 256, 5, padding=2, groups=2),
                relu2=nn.ReLU(),
                pool2=nn.MaxPool2d(3, 2),
                norm2=nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0),
                conv3=nn.Conv2d(256, 384, 3, padding=1),
                relu3=nn.ReLU(),
                conv4=nn.Conv2d(384, 384, 3, padding=1, groups=2),
                relu4=nn.ReLU(),
                conv5=nn.Conv2d(384, 256, 3, padding=1, groups=2),
                relu5=nn.ReLU(),
                pool5=nn.MaxPool2d(3, 2),
                flatten=nn.Flatten(),
                fc6=nn.Linear(9216, 4096),
                relu6=nn.ReLU(),
                fc7=nn.Linear(4096, 4096),
                relu7=nn.ReLU(),
            )
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map (b, 3, 227, 227) RGB images to the (b, 4096) activations of fc7."""
        return super().forward(images.flip(1))
