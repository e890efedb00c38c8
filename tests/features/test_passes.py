"""The features of a region depend on the region alone, so that a store may take them over from another one.

Neither its place in a pass nor the other regions there may change a bit, nor may the number of regions that are missing
in a pass. `regions_per_pass`, the precision and the versions of the libraries belong to the digest of a region.
"""

import itertools
from typing import get_args

import pytest
import torch
from torch import Tensor

from hypercolumns.backbones import Backbone, create_backbone
from hypercolumns.backbones.engines import prepare
from hypercolumns.features import passes
from hypercolumns.features.passes import REGIONS_PER_PASS
from hypercolumns.parameters import BackboneParameters
from hypercolumns.parameters.backbone import Engine

NETWORKS = {
    "EfficientNet-Lite0": BackboneParameters(layers=("stage0", "stage2", "stage4", "stage6", "pooled"), input_size=96),
    "SqueezeNet": BackboneParameters(
        name="torchvision:squeezenet1_1", weights="random", layers=("features.3", "classifier.3"), input_size=64
    ),
    "ViT": BackboneParameters(name="timm:test_vit", weights="random", layers=("blocks.2", "blocks.5"), input_size=160),
}


ENGINES = [*get_args(Engine), *(["cuda"] if torch.cuda.is_available() else [])]
"""On the CPU those of the parameters; on a GPU PyTorch."""


@pytest.fixture(scope="module", params=itertools.product(NETWORKS, ENGINES), ids="-".join)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    name, engine = request.param
    if engine == "cuda":
        return prepare(create_backbone(NETWORKS[name], seed=0), torch.device("cuda"), "crops")
    settings = NETWORKS[name].model_copy(update={"engine": engine})
    return prepare(create_backbone(settings, seed=0), torch.device("cpu"), "crops")


def random_images(backbone: Backbone, n: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    side = backbone.input_size
    return torch.rand((n, 3, side, side), generator=generator).to(backbone.device)


def features(backbone: Backbone, images: Tensor) -> list[passes.Blocks]:
    """Blocks of each image, on one thread, as every stream of passes computes them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        blocks = passes.to_host(passes.run(backbone, images), backbone)
    finally:
        torch.set_num_threads(threads)
    return [{name: values[i] for name, values in blocks.items()} for i in range(len(images))]


def differences(found: passes.Blocks, expected: passes.Blocks) -> list[str]:
    return [name for name in expected if found[name].tobytes() != expected[name].tobytes()]


def test_the_place_in_a_pass_does_not_matter(backbone: Backbone) -> None:
    images = random_images(backbone, REGIONS_PER_PASS)
    expected = features(backbone, images)
    for shift in (1, 7):
        for i, found in enumerate(features(backbone, images.roll(shift, 0))):
            assert differences(found, expected[i - shift]) == []


def test_the_companions_in_a_pass_do_not_matter(backbone: Backbone) -> None:
    """Others may be of any brightness, or missing."""
    images, others = (random_images(backbone, REGIONS_PER_PASS, seed) for seed in (0, 1))
    expected = features(backbone, images)
    for place in (0, 3, REGIONS_PER_PASS - 1):
        for companions in (others, others * 0, others * 0 + 1):
            companions = companions.clone()
            companions[place] = images[place]
            assert differences(features(backbone, companions)[place], expected[place]) == []
    for n in (1, 5, REGIONS_PER_PASS - 1):
        for i, found in enumerate(features(backbone, images[:n])):
            assert differences(found, expected[i]) == []


def test_the_pass_of_many_does_not_matter(backbone: Backbone) -> None:
    images = random_images(backbone, 2 * REGIONS_PER_PASS + 3)
    expected = features(backbone, images)
    for i, found in enumerate(features(backbone, images.flip(0))):
        assert differences(found, expected[-1 - i]) == []


def test_these_tests_notice_what_depends_on_companions(backbone: Backbone) -> None:
    """A network that normalises over the pass, as batch normalisation does in training."""
    image = random_images(backbone, REGIONS_PER_PASS)
    expected = features(backbone, image)
    handle = backbone.register_forward_pre_hook(lambda _, inputs: (inputs[0] - inputs[0].mean() + 0.5,))
    try:
        assert differences(features(backbone, image[:3])[0], expected[0])
    finally:
        handle.remove()
