"""The command `layers` and what it suggests: measured without weights, and accepted by `create_backbone`."""

import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from dvc.utils.hydra import apply_overrides

from hypercolumns.backbones import create_backbone
from hypercolumns.backbones.listing import list_layers
from hypercolumns.cli.layers import main
from hypercolumns.features.extraction import block_shapes
from hypercolumns.parameters import BackboneParameters, Parameters
from hypercolumns.parameters.backbone import LAYERS
from hypercolumns.parameters.text import as_yaml
from tests.documents import code_blocks


def layers(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize(
    ("name", "size", "features", "detection"),
    [
        ("efficientnet_lite1", 224, BackboneParameters().layers, ("stage4", "stage6")),
        ("torchvision:resnet18", 96, ("layer2", "layer3", "layer4", "avgpool"), ("layer3", "layer4")),
        ("timm:resnet18", 96, ("layer2", "layer3", "layer4", "global_pool"), ("layer3", "layer4")),
        ("timm:convnext_atto", 96, ("stages.1", "stages.2", "stages.3", "head.global_pool"), ("stages.2", "stages.3")),
        (
            "timm:swin_tiny_patch4_window7_224",
            224,
            ("layers.1", "layers.2", "layers.3", "head.global_pool"),
            ("layers.2", "layers.3"),
        ),
        (
            "timm:vit_tiny_patch16_224",
            96,
            ("blocks.2", "blocks.5", "blocks.8", "blocks.11"),
            ("blocks.8", "blocks.11"),
        ),
    ],
)
def test_the_suggested_layers_have_the_listed_shapes(
    name: str, size: int, features: tuple[str, ...], detection: tuple[str, ...]
) -> None:
    """Measured without values; a network with random weights gives blocks of these shapes."""
    listing = list_layers(name, size)
    assert listing.features == features
    assert listing.detection == detection
    listed = {layer.name: layer for layer in listing.layers}
    settings = BackboneParameters(name=name, weights="random", layers=features, input_size=size)
    backbone = create_backbone(settings)
    shapes = {layer: (found.channels, found.height, found.width) for layer, found in listed.items()}
    assert block_shapes(backbone) == {layer: shapes[layer] for layer in features}
    assert [layer.stride for layer in backbone.layers] == [listed[layer].stride for layer in features]
    assert all(listed[layer].stride for layer in detection)
    assert listing.engine == ("torch" if "vit" in name else "onnxruntime")
    assert listing.bytes == sum(2 * c * h * w for c, h, w in block_shapes(backbone).values())


@pytest.mark.parametrize("name", LAYERS)
def test_the_networks_with_short_names_list_the_layers_that_params_yaml_takes(name: str) -> None:
    listing = list_layers(name, 227)
    assert {layer.name for layer in listing.layers} == set(LAYERS[name])
    assert {*listing.features, *listing.detection} <= set(LAYERS[name])


def test_scores_of_classes_are_not_suggested() -> None:
    """DenseNet averages its last map outside of any module, so that its classifier returns the first vector."""
    assert "classifier" not in list_layers("torchvision:densenet121", 64).features


def test_the_command_prints_yaml_that_the_parameters_accept() -> None:
    result = layers("timm:resnet18", "--size", "64")
    assert result.exit_code == 0, result.output
    table, _, text = result.output.partition("\n\n")
    lines = {line[2:].split()[0]: line for line in table.splitlines()}
    assert lines["layer3"].split() == ["*", "layer3", "256", "4", "x", "4", "16", "8,192"]
    assert lines["fc"].split() == ["fc", "1000", "1", "x", "1", "-", "2,000"]
    parameters = Parameters.model_validate(yaml.safe_load(text))
    assert parameters.backbone.layers == ("layer2", "layer3", "layer4", "global_pool")
    assert parameters.backbone.input_size == 64
    assert parameters.detection.layers == ("layer3", "layer4")


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["resnet50"], ["no backbone 'resnet50'", "torchvision:resnet50", "timm:resnet50", "efficientnet_lite0"]),
        (["efficientnet_lite7"], ["efficientnet_lite2", "torchvision:MODEL"]),
        (["timm:resnt50"], ["timm has no model 'resnt50'", "resnet50"]),
        (["dinov2_vits14"], ["timm:vit_small_patch14_dinov2"]),
        (["facebook/dinov2-small"], ["timm:vit_small_patch14_dinov2"]),
        (["zzz"], ["There is no backbone 'zzz'. backbone.name is one of"]),
        (["alexnet_caffe"], ["backbone.input_size", "224 x 224"]),
    ],
)
def test_what_cannot_be_listed_is_one_paragraph(arguments: list[str], fragments: list[str]) -> None:
    result = layers(*arguments)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    for fragment in fragments:
        assert fragment in result.output


def test_the_commands_of_the_page_set_the_layers_that_are_suggested(tmp_path: Path) -> None:
    (block,) = (block for block in code_blocks("docs/backbones.md", "") if "dvc exp run" in block)
    commands = [shlex.split(line) for line in block.replace("\\\n", " ").splitlines()]
    assert len(commands) == 5
    for command in commands:
        assert command[:3] == ["dvc", "exp", "run"]
        assert set(command[3::2]) == {"-S"}
        params = tmp_path / "params.yaml"
        params.write_text(as_yaml(Parameters()))
        apply_overrides(params, command[4::2])
        parameters = Parameters.load(params)
        listing = list_layers(parameters.backbone.name, parameters.backbone.input_size)
        assert parameters.backbone.layers == listing.features
        assert parameters.detection.layers == listing.detection
        assert parameters.backbone.weights == listing.weights == "library"
        assert parameters.backbone.engine == listing.engine
