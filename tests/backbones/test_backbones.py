"""Backbones by name: their layers, their weights, and the messages for wrong names and files."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from skimage.data import chelsea
from torch.nn import functional

from hypercolumns.backbones import Backbone, create_backbone, registry, vision
from hypercolumns.backbones.alexnet_caffe import MEAN, AlexNetCaffe
from hypercolumns.backbones.backbone import state_sha256
from hypercolumns.backbones.efficientnet_lite import SCALES, EfficientNetLite, packaged_tensors
from hypercolumns.backbones.taps import OutputShapes, infer_tap
from hypercolumns.errors import InputError
from hypercolumns.parameters import BackboneParameters
from hypercolumns.parameters.backbone import LAYERS

EGYPTIAN_CAT = 285
"""The ImageNet class."""


def make(name: str, *layers: str, weights: str = "random", input_size: int = 64, seed: int = 0) -> Backbone:
    """A backbone with random weights, or with those of the file `weights`."""
    chosen = (
        {"weights": weights} if weights in ("packaged", "library", "random") else {"weights": "file", "file": weights}
    )
    return create_backbone(BackboneParameters(name=name, layers=layers, input_size=input_size, **chosen), seed)


@pytest.fixture(scope="module")
def default() -> Backbone:
    return create_backbone(BackboneParameters())


def test_packaged_weights_recognise_the_cat(default: Backbone) -> None:
    """With a misplaced tensor or wrong normalisation, the photograph would not be classified as an Egyptian cat."""
    photo = torch.from_numpy(chelsea()).permute(2, 0, 1)[None] / 255
    crop = functional.interpolate(photo, (224, 224), mode="bilinear", antialias=True)
    with torch.inference_mode():
        pooled = default(crop)["pooled"].flatten(1)
        probability = default.network.classifier(pooled).softmax(dim=1)[0]
    assert int(probability.argmax()) == EGYPTIAN_CAT
    assert probability[EGYPTIAN_CAT] > 0.5


def test_layers_describe_the_maps_of_the_forward_pass(default: Backbone) -> None:
    with torch.inference_mode():
        maps = default(torch.rand(2, 3, 224, 224))
    assert list(maps) == [layer.name for layer in default.layers] == list(BackboneParameters().layers)
    for layer in default.layers:
        side = 224 // layer.stride if layer.stride else 1
        assert maps[layer.name].shape == (2, layer.channels, side, side)
    assert [layer.channels for layer in default.layers] == [40, 80, 112, 192, 1280]


def test_parameters_and_networks_agree_on_the_names_of_layers() -> None:
    modules = {name: recipe().modules or {} for name, recipe in registry.REGISTRY.items()}
    assert {name: set(layers) for name, layers in modules.items()} == {name: set(LAYERS[name]) for name in LAYERS}


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("efficientnet_lite0", 64),
        ("alexnet_caffe", 227),
        ("alexnet", 64),
        pytest.param("vgg16", 64, marks=pytest.mark.slow),
    ],
)
def test_the_table_of_layers_goes_from_fine_to_coarse(name: str, size: int) -> None:
    """The table is written by hand; `create_backbone` measures the order in the network and refuses any other."""
    backbone = make(name, *LAYERS[name], input_size=size)
    assert [layer.name for layer in backbone.layers] == list(LAYERS[name])


@pytest.mark.parametrize(
    ("name", "given", "ordered"),
    [
        ("torchvision:squeezenet1_1", ("features.6", "features.3"), "[features.3, features.6]"),
        ("timm:vit_tiny_patch16_224", ("blocks.3", "blocks.1"), "[blocks.1, blocks.3]"),
        ("torchvision:resnet18", ("avgpool", "layer4", "layer1"), "[layer1, layer4, avgpool]"),
        ("efficientnet_lite0", ("pooled", "stage1"), "[stage1, pooled]"),
    ],
)
def test_layers_in_the_wrong_order_are_refused_with_the_right_one(
    name: str, given: tuple[str, ...], ordered: str
) -> None:
    with pytest.raises(InputError) as caught:
        make(name, *given)
    assert f"backbone.layers is [{', '.join(given)}]; name layers from fine to coarse: {ordered}" in str(caught.value)


def test_maps_equal_those_of_the_network_of_timm(default: Backbone) -> None:
    """Our network, taps and folded batch norms change nothing: timm's model, block by block, gives the same numbers."""
    images = torch.from_numpy(np.random.default_rng(0).random((1, 3, 224, 224), dtype=np.float32))
    network = vision.timm.create_model("tf_efficientnet_lite0").eval()
    network.load_state_dict(packaged_tensors("efficientnet_lite0", network))
    assert state_sha256(network) == default.weights_sha256
    assert any("BatchNorm" in type(module).__name__ for module in network.modules())
    assert not any("BatchNorm" in type(module).__name__ for module in default.network.modules())
    with torch.inference_mode():
        maps = default(images)
        x = network.bn1(network.conv_stem((images - 0.5) / 0.5))
        for i, block in enumerate(network.blocks):
            x = block(x)
            if 2 <= i <= 5:
                torch.testing.assert_close(maps[f"stage{i}"], x, rtol=1e-3, atol=1e-4 * float(x.abs().max()))
        x = network.global_pool(network.bn2(network.conv_head(x)))
        torch.testing.assert_close(maps["pooled"].flatten(1), x, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", SCALES)
def test_efficientnet_lite_equals_the_network_of_timm_to_the_bit(name: str) -> None:
    """With the packaged weights. Sides that the strides do not divide need uneven padding."""
    ours, theirs = EfficientNetLite(*SCALES[name]).eval(), vision.timm.create_model(f"tf_{name}").eval()
    for network in (ours, theirs):
        network.load_state_dict(packaged_tensors(name, network))
    images = torch.randn(2, 3, 97, 130, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(ours(images), theirs(images))


def test_the_default_backbone_is_created_without_torchvision_and_timm() -> None:
    """They take seconds to import."""
    code = "import sys; from hypercolumns.backbones import create_backbone; from hypercolumns import Parameters\n"
    code += (
        "create_backbone(Parameters().backbone); sys.exit(bool({'timm', 'torchvision', 'sympy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


def test_the_mean_colour_is_normalised_to_zero() -> None:
    backbone = make("torchvision:squeezenet1_1", "features.0")
    colour = torch.tensor(backbone.mean).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    with torch.inference_mode():
        values = backbone(colour)["features.0"]
        bias = backbone.network.features[0].bias
    torch.testing.assert_close(values, bias.view(1, -1, 1, 1).expand_as(values), rtol=0, atol=0)


def test_the_network_stops_at_the_deepest_layer() -> None:
    backbone = make("torchvision:squeezenet1_1", "features.3", "features.6")
    ran = []
    backbone.network.features[7].register_forward_hook(lambda *_: ran.append(7))
    backbone.network.features[6].register_forward_hook(lambda *_: ran.append(6))
    maps = backbone(torch.rand(1, 3, 64, 64))
    assert list(maps) == ["features.3", "features.6"]
    assert 7 not in ran


def test_later_modules_that_work_in_place_do_not_change_a_map() -> None:
    """features.8 of AlexNet is a convolution followed by an in-place ReLU; its negative values must survive."""
    maps = make("torchvision:alexnet", "features.8", "features.9")(torch.rand(1, 3, 64, 64))
    assert (maps["features.8"] < 0).any()
    torch.testing.assert_close(maps["features.8"].relu(), maps["features.9"])


def test_t_net_has_4736_channels_and_equals_its_formula() -> None:
    backbone = make("alexnet_caffe", "pool2", "conv4", "fc7", input_size=227)
    assert [layer.channels for layer in backbone.layers] == [256, 384, 4096]
    assert [layer.stride for layer in backbone.layers] == [16, 16, 0]
    images = torch.rand(1, 3, 227, 227)
    tensors = backbone.network.state_dict()

    def group_convolution(x: torch.Tensor, name: str, group: int, padding: int) -> torch.Tensor:
        """Convolve one of two channel groups, as Caffe computes grouped convolutions."""
        weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        return functional.conv2d(
            x.chunk(2, dim=1)[group], weight.chunk(2)[group], bias.chunk(2)[group], padding=padding
        ).relu()

    def normalise(x: torch.Tensor) -> torch.Tensor:
        """Normalise over five neighbouring channels: x / (1 + 1e-4 / 5 * sum of squares)^.75."""
        squares = functional.pad(x**2, (0, 0, 0, 0, 2, 2))
        total = sum(squares[:, i : i + x.shape[1]] for i in range(5))
        return x / (1 + 1e-4 / 5 * total) ** 0.75

    with torch.inference_mode():
        bgr = 255 * (images - torch.tensor(MEAN).view(1, 3, 1, 1)).flip(1)
        x = functional.conv2d(bgr, tensors["conv1.weight"], tensors["conv1.bias"], stride=4).relu()
        x = normalise(functional.max_pool2d(x, 3, 2))
        pool2 = functional.max_pool2d(torch.cat([group_convolution(x, "conv2", g, 2) for g in (0, 1)], dim=1), 3, 2)
        x = functional.conv2d(normalise(pool2), tensors["conv3.weight"], tensors["conv3.bias"], padding=1).relu()
        conv4 = torch.cat([group_convolution(x, "conv4", g, 1) for g in (0, 1)], dim=1)
        maps = backbone(images)
    torch.testing.assert_close(maps["pool2"], pool2, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(maps["conv4"], conv4, rtol=1e-4, atol=1e-4)
    assert maps["fc7"].shape == (1, 4096, 1, 1)
    assert (maps["fc7"] >= 0).all()


@pytest.mark.parametrize(
    ("name", "layers", "channels", "strides"),
    [
        ("alexnet", ("pool2", "conv4", "fc7"), [192, 256, 4096], [16, 16, 0]),
        ("torchvision:resnet18", ("layer2", "layer4", "avgpool"), [128, 512, 512], [8, 32, 0]),
        ("timm:vit_tiny_patch16_224", ("blocks.3", "fc_norm"), [192, 192], [16, 0]),
        ("timm:swin_tiny_patch4_window7_224", ("layers.0", "layers.3"), [96, 768], [4, 32]),
    ],
)
def test_channels_and_strides(name: str, layers: tuple[str, ...], channels: list[int], strides: list[int]) -> None:
    backbone = make(name, *layers, input_size=224)
    assert [layer.channels for layer in backbone.layers] == channels
    assert [layer.stride for layer in backbone.layers] == strides


@pytest.mark.slow
def test_o_net_has_pool3_pool4_and_fc7() -> None:
    backbone = make("vgg16", "pool3", "pool4", "fc7")
    assert [layer.channels for layer in backbone.layers] == [256, 512, 4096]


def test_tokens_are_arranged_like_their_patches() -> None:
    """The embedding of a patch depends on that patch only, so a bright patch changes exactly one cell of the map."""
    backbone = make("timm:vit_tiny_patch16_224", "patch_embed", input_size=64)
    dark, bright = torch.zeros(1, 3, 64, 96), torch.zeros(1, 3, 64, 96)
    bright[:, :, 16:32, 64:80] = 1
    difference = (backbone(bright)["patch_embed"] - backbone(dark)["patch_embed"]).abs().sum(dim=1)[0]
    assert difference.shape == (4, 6)
    assert difference.nonzero().tolist() == [[1, 4]]


@pytest.mark.parametrize(
    "name",
    [
        "vit_tiny_patch16_224",
        "vit_small_patch14_reg4_dinov2",
        "vit_small_patch16_dinov3",
        "eva02_tiny_patch14_224",  # averages its tokens, so that timm does not normalise them
    ],
)
def test_tokens_of_blocks_equal_the_intermediate_layers_of_timm(name: str) -> None:
    """Normalised by the final norm, without class and register tokens. Random scales, so that the norm matters."""
    backbone = make(f"timm:{name}", "blocks.1", "blocks.3", input_size=112)
    generator = torch.Generator().manual_seed(0)
    if isinstance(backbone.network.norm, torch.nn.LayerNorm):
        for values in backbone.network.norm.parameters():
            values.copy_(torch.rand(values.shape, generator=generator))
    images = torch.rand(2, 3, 112, 112, generator=generator)
    normalised = (images - torch.tensor(backbone.mean).view(3, 1, 1)) / torch.tensor(backbone.std).view(3, 1, 1)
    with torch.inference_mode():
        maps = backbone(images)
        expected = backbone.network.forward_intermediates(
            normalised, indices=[1, 3], norm=True, intermediates_only=True
        )
    for values, theirs in zip(maps.values(), expected, strict=True):
        torch.testing.assert_close(values, theirs)


def test_the_last_normalised_block_of_a_transformer_of_torchvision_is_what_its_head_sees() -> None:
    backbone = make("torchvision:vit_b_32", "encoder.layers.encoder_layer_11", "encoder.ln", input_size=224)
    with torch.inference_mode():
        last, final = backbone(torch.rand(1, 3, 224, 224)).values()
    assert [layer.norm for layer in backbone.layers] == ["encoder.ln", None]
    torch.testing.assert_close(last, final)


def test_the_form_of_an_output_follows_from_its_shape() -> None:
    shapes = {"map": (1, 8, 4, 4), "last": (1, 4, 4, 8), "tokens": (1, 17, 8), "vector": (1, 8), "cube": (1, 4, 4, 4)}
    outputs = OutputShapes(shapes, frozenset())
    forms = {name: tap.form if (tap := infer_tap(outputs, name, 64)) else None for name in shapes}
    assert forms == {"map": "map", "last": "channels_last", "tokens": "tokens", "vector": "vector", "cube": None}
    plain = OutputShapes({"cube": (1, 4, 4, 4), "map": (1, 8, 2, 2)}, frozenset())
    cube = infer_tap(plain, "cube", 64)
    assert cube is not None
    assert cube.form == "map"


def test_random_weights_depend_on_the_seed_and_leave_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (make("torchvision:squeezenet1_1", "features.3", seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert first.weights_sha256 == again.weights_sha256 != other.weights_sha256


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_are_loaded_from_a_file(tmp_path: Path, suffix: str) -> None:
    source = make("torchvision:squeezenet1_1", "features.3", seed=3)
    path = tmp_path / f"weights{suffix}"
    tensors = {name: tensor.contiguous() for name, tensor in source.network.state_dict().items()}
    save_file(tensors, path) if suffix == ".safetensors" else torch.save({"state_dict": tensors}, path)
    loaded = make("torchvision:squeezenet1_1", "features.3", weights=str(path))
    assert loaded.weights_sha256 == source.weights_sha256
    assert loaded.weights == "file"


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path: Path) -> None:
    tensors = {n: v for n, v in AlexNetCaffe().state_dict().items() if not n.startswith("fc6")}
    tensors["conv2.weight"] = torch.zeros(256, 96, 5, 5)  # not grouped
    tensors["fc9.weight"] = torch.zeros(1)
    torch.save(tensors, tmp_path / "weights.pth")
    with pytest.raises(InputError) as caught:
        make("alexnet_caffe", "fc7", weights=str(tmp_path / "weights.pth"), input_size=227)
    message = str(caught.value)
    assert "missing: fc6.weight, fc6.bias" in message
    assert "unexpected: fc9.weight" in message
    assert "conv2.weight (256, 96, 5, 5) instead of (256, 48, 5, 5)" in message


@pytest.mark.parametrize(
    ("settings", "fragments"),
    [
        ({"layers": ("stage9",)}, ["'stage9'", "stage0", "stage6", "pooled"]),
        ({"layers": ("stage1", "stage1")}, ["'stage1' more than once"]),
        ({"name": "timm:vit_smal_patch16_224"}, ["vit_small_patch16_224"]),
        ({"name": "torchvision:resnet5"}, ["resnet50"]),
        ({"name": "alexnet"}, ["packaged", "efficientnet_lite0", "efficientnet_lite2"]),
        ({"weights": "file", "file": "nowhere/weights.pth"}, ["nowhere/weights.pth", "does not exist"]),
        ({"name": "alexnet_caffe", "weights": "random", "layers": ("fc7",)}, ["input_size", "224 x 224"]),
        ({"name": "alexnet_caffe", "weights": "library", "layers": ("fc7",)}, ["no library", "file"]),
        ({"name": "torchvision:resnet18", "weights": "random", "layers": ("layr4",)}, ["'layr4'", "layer4"]),
        (
            {"name": "torchvision:resnet18", "weights": "random", "layers": ("layer1.0.relu",)},
            ["'layer1.0.relu' more than once"],
        ),
    ],
)
def test_wrong_settings_are_refused_with_the_valid_choices(settings: dict, fragments: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        create_backbone(BackboneParameters(**settings))
    for fragment in fragments:
        assert fragment in str(caught.value)


@pytest.mark.parametrize("content", [b"not a file of weights", b""])
def test_a_broken_weights_file_is_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("weights.pth", "weights.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="not a readable weights file"):
            make("torchvision:squeezenet1_1", "features.3", weights=str(tmp_path / name))


def test_a_failed_download_names_the_file_to_get(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(vision.torchvision.models, "get_model", fail)
    with pytest.raises(
        InputError, match=r"no network.*https://download\.pytorch\.org/models/resnet18.*backbone\.weights"
    ):
        make("torchvision:resnet18", "layer4", weights="library")


def test_fully_connected_layers_refuse_other_image_sizes_but_convolutions_do_not() -> None:
    connected = make("alexnet_caffe", "conv4", "fc7", input_size=227)
    with pytest.raises(InputError, match="227 x 227 pixels, not 300 x 240"):
        connected(torch.zeros(1, 3, 240, 300))
    convolutional = make("alexnet_caffe", "conv4", input_size=227)
    assert convolutional(torch.zeros(1, 3, 240, 300))["conv4"].shape[-2:] == (13, 17)


def test_nms_equals_a_plain_loop() -> None:
    """Our kernel and torchvision's operator, compiled or declared, keep the boxes of greedy suppression."""
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 60, (200, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 40, (200, 2))], axis=1)
    scores = rng.permutation(200) / 200
    kept: list[int] = []
    for i in np.argsort(-scores):
        x0, y0 = np.maximum(boxes[kept, :2], boxes[i, :2]).T if kept else (np.empty(0), np.empty(0))
        x1, y1 = np.minimum(boxes[kept, 2:], boxes[i, 2:]).T if kept else (np.empty(0), np.empty(0))
        common = np.clip(x1 - x0, 0, None) * np.clip(y1 - y0, 0, None)
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        if not (common > 0.4 * (areas[kept] + areas[i] - common)).any():
            kept.append(int(i))
    for function in (vision.nms, torch.ops.torchvision.nms):
        assert function(torch.from_numpy(boxes), torch.from_numpy(scores), 0.4).tolist() == kept


@pytest.mark.parametrize(("cells", "side"), [(2, 64), (3, 64), (3, 48)])
def test_averaged_layers_are_means_over_cells(cells: int, side: int) -> None:
    """As adaptive pooling of a map whose values are first repeated, so that cells need not cover whole values."""
    backbone = make("efficientnet_lite0", "stage2", "stage4", "pooled", input_size=side)
    images = torch.rand(2, 3, side, side)
    with torch.inference_mode():
        maps, averaged = backbone(images), backbone.averaged(cells)(images)
    for layer in ("stage2", "stage4"):
        repeated = maps[layer].repeat_interleave(cells, 2).repeat_interleave(cells, 3)
        expected = functional.avg_pool2d(repeated, repeated.shape[-1] // cells)
        assert averaged[layer].shape == (2, maps[layer].shape[1], cells, cells)
        torch.testing.assert_close(averaged[layer], expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(averaged["pooled"], maps["pooled"])
