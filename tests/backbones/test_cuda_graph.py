"""A recorded pass computes the bytes of one that is not; these tests need a GPU, apart from the first."""

import copy
import threading

import pytest
import torch
from torch import Tensor

from hypercolumns.backbones import Backbone, create_backbone
from hypercolumns.backbones.cuda_graph import GraphBackbone
from hypercolumns.backbones.engines import prepare
from hypercolumns.features.passes import autocast
from hypercolumns.parameters import BackboneParameters

CUDA = torch.device("cuda")

NETWORKS = {
    "efficientnet_lite0": (("stage2", "stage4", "pooled"), 96),
    "alexnet": (("pool2", "conv4", "fc7"), 224),
    "torchvision:resnet18": (("layer1", "layer4", "avgpool"), 64),
    "timm:swin_tiny_patch4_window7_224": (("layers.0", "layers.3"), 224),
    "timm:test_vit": (("blocks.2", "blocks.5"), 160),
}

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="records CUDA kernels")


def make(name: str) -> Backbone:
    layers, side = NETWORKS[name]
    return create_backbone(BackboneParameters(name=name, weights="random", layers=layers, input_size=side))


def images(backbone: Backbone, seed: int, n: int = 4) -> Tensor:
    side = backbone.input_size
    return torch.rand((n, 3, side, side), generator=torch.Generator().manual_seed(seed)).to(CUDA)


def maps(backbone: Backbone, given: Tensor) -> dict[str, Tensor]:
    with torch.inference_mode(), autocast(CUDA):
        return backbone(given)


def test_other_devices_and_whole_photographs_record_nothing() -> None:
    backbone = make("timm:test_vit")
    assert not isinstance(prepare(backbone, torch.device("cpu"), "crops"), GraphBackbone)
    if torch.cuda.is_available():
        assert not isinstance(prepare(backbone, CUDA, "photographs"), GraphBackbone)


@needs_gpu
@pytest.mark.parametrize("name", NETWORKS)
def test_recorded_passes_have_the_same_bytes(name: str) -> None:
    backbone = make(name).to(CUDA)
    given = [images(backbone, seed) for seed in range(3)]
    expected = [maps(backbone, some) for some in given]
    recorded = prepare(backbone, CUDA, "crops")
    found = [maps(recorded, some) for some in given]  # all of them before any is compared
    assert isinstance(recorded, GraphBackbone)
    assert recorded._recorded.graph is not None
    for some, others in zip(found, expected, strict=True):
        assert list(some) == list(others)
        assert all(torch.equal(some[layer], others[layer]) for layer in others)


@needs_gpu
def test_another_number_of_images_is_recorded_anew() -> None:
    backbone = make("timm:test_vit").to(CUDA)
    recorded = prepare(backbone, CUDA, "crops")
    for n in (4, 2, 4):
        given = images(backbone, n, n)
        assert torch.equal(maps(recorded, given)["blocks.5"], maps(backbone, given)["blocks.5"])


@needs_gpu
def test_a_network_that_looks_at_its_values_runs_unrecorded() -> None:
    backbone = make("timm:test_vit").to(CUDA)
    expected = maps(backbone, images(backbone, 0))
    backbone.network.register_forward_pre_hook(lambda _module, inputs: print(inputs[0].sum().item()))
    recorded = prepare(backbone, CUDA, "crops")
    found = maps(recorded, images(backbone, 0))
    assert recorded._recorded.graph is None
    assert all(torch.equal(found[layer], expected[layer]) for layer in expected)


@needs_gpu
def test_threads_record_side_by_side() -> None:
    backbone = make("timm:test_vit").to(CUDA)
    given = [images(backbone, seed) for seed in range(8)]
    expected = [maps(backbone, some)["blocks.5"] for some in given]
    original = prepare(backbone, CUDA, "crops")
    equal: list[bool] = []

    def run() -> None:
        own = copy.deepcopy(original)
        with torch.cuda.stream(torch.cuda.Stream()):
            for some, other in zip(given, expected, strict=True):
                equal.append(torch.equal(maps(own, some)["blocks.5"], other))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert equal == [True] * len(given) * len(threads)
