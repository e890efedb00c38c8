"""ONNX Runtime computes what PyTorch does, for networks of all kinds, or refuses the network."""

import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import Backbone, conversion, create_backbone
from hypercolumns.backbones.conversion import Sizes
from hypercolumns.backbones.engines import OnnxBackbone, engine_on, prepare
from hypercolumns.backbones.spatial import spatial
from hypercolumns.errors import InputError
from hypercolumns.features.extraction import extract
from hypercolumns.features.passes import precision
from hypercolumns.features.streams import Streams
from hypercolumns.parameters import BackboneParameters
from tests.features import extraction_case as case

CPU = torch.device("cpu")

NETWORKS = {
    "efficientnet_lite0": (("stage2", "stage4", "pooled"), 96),
    "alexnet": (("pool2", "conv4", "fc7"), 224),
    "alexnet_caffe": (("pool2", "conv4", "fc7"), 227),
    "torchvision:resnet18": (("layer1", "layer4", "avgpool"), 64),
    "timm:convnext_atto": (("stages.0", "stages.3"), 64),
    "timm:swin_tiny_patch4_window7_224": (("layers.0", "layers.3"), 224),
    "timm:test_vit": (("blocks.2", "blocks.5"), 160),
}
"""Layers and input sizes; with convolutions, normalisation, local responses, attention, and outputs of all forms."""


def make(name: str, layers: tuple[str, ...] | None = None) -> Backbone:
    known, side = NETWORKS[name]
    return create_backbone(BackboneParameters(name=name, weights="random", layers=layers or known, input_size=side))


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def differences(backbone: Backbone, prepared: Backbone, given: Tensor) -> dict[str, float]:
    """Largest difference between two backbones relative to the largest value, by layer."""
    with torch.inference_mode():
        expected, found = backbone(given), prepared(given)
    assert {name: m.shape for name, m in found.items()} == {name: m.shape for name, m in expected.items()}
    return {name: float((found[name] - m).abs().max() / m.abs().max()) for name, m in expected.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_both_engines_compute_the_same_crops(name: str) -> None:
    backbone = make(name)
    prepared = prepare(backbone, CPU, "crops")
    assert isinstance(prepared, OnnxBackbone)
    assert max(differences(backbone, prepared, images(3, 3, *[backbone.input_size] * 2)).values()) < 2e-5


@pytest.mark.parametrize("name", ["efficientnet_lite0", "torchvision:resnet18", "timm:convnext_atto"])
def test_both_engines_compute_the_same_photographs(name: str) -> None:
    """One conversion serves all sizes, also where a pooled layer is replaced by the map that is averaged."""
    backbone = spatial(make(name))
    prepared = prepare(backbone, CPU, "photographs")
    for height, width in ((96, 160), (256, 32), (64, 64)):
        assert max(differences(backbone, prepared, images(1, 3, height, width)).values()) < 2e-5


@pytest.mark.parametrize(
    ("name", "layers", "sizes"),
    [
        ("timm:test_vit", None, "photographs"),  # position embeddings of one size
        ("alexnet", None, "photographs"),  # fully connected layers
    ],
)
def test_a_network_that_cannot_be_converted_is_refused(name: str, layers: tuple[str, ...], sizes: Sizes) -> None:
    prepared = prepare(make(name, layers), CPU, sizes)
    with pytest.raises(InputError, match=rf"backbone\.engine is onnxruntime.*{name}.*Set backbone\.engine to torch"):
        prepared(images(1, 3, 320, 320))


def test_the_exporter_prints_no_graph_where_it_fails(capfd: pytest.CaptureFixture[str]) -> None:
    """It cannot convert the resampling of position embeddings to another size."""
    settings = BackboneParameters(name="timm:test_vit", weights="random", layers=("blocks.2",), input_size=96)
    with pytest.raises(InputError, match=r"UnsupportedOperatorError.*Set backbone\.engine to torch"):
        prepare(create_backbone(settings), CPU, "crops")(images(1, 3, 96, 96))
    assert capfd.readouterr().out == ""


def test_a_network_with_other_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one that torch converts wrongly; here the weights change between conversion and comparison."""
    backbone = make("torchvision:resnet18")
    export = conversion._export

    def export_and_change(backbone: Backbone, sizes: Sizes) -> bytes:
        model = export(backbone, sizes)
        backbone.network.get_submodule("layer4").get_parameter("0.conv1.weight").mul_(1.001)
        return model

    monkeypatch.setattr(conversion, "_export", export_and_change)
    with pytest.raises(InputError, match="layer4 has other values for 64 x 64 pixels"):
        prepare(backbone, CPU, "crops")(images(1, 3, 64, 64))


def test_a_conversion_is_kept_and_made_again_when_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = make("torchvision:resnet18")
    converted = []
    export = conversion._export
    monkeypatch.setattr(conversion, "_export", lambda *given: converted.append(given) or export(*given))

    def maps(backbone: Backbone) -> dict[str, Tensor]:
        return prepare(backbone, CPU, "crops", tmp_path)(images(2, 3, 64, 64))

    first = maps(backbone)
    (file,) = (tmp_path / conversion.FOLDER).glob("*/*")
    assert all(torch.equal(values, first[name]) for name, values in maps(backbone).items())
    assert len(converted) == 1
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert all(torch.equal(values, first[name]) for name, values in maps(backbone).items())
    assert len(converted) == 2
    maps(make("torchvision:resnet18", ("layer1", "layer4")))
    other = create_backbone(
        BackboneParameters(name="torchvision:resnet18", weights="random", layers=("layer4",), input_size=64), seed=1
    )
    maps(other)
    assert len(converted) == 4
    monkeypatch.setattr(conversion, "MAX_KEPT", 2)
    maps(make("torchvision:resnet18", ("layer2",)))
    assert len(list((tmp_path / conversion.FOLDER).glob("*/*"))) == 2


def test_streams_share_one_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    """And give the bytes of a single thread."""
    backbone = make("torchvision:resnet18")
    converted = []
    export = conversion._export
    monkeypatch.setattr(conversion, "_export", lambda *given: converted.append(given) or export(*given))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(torch, "set_num_threads", lambda _number: None)
    given = images(16, 3, 64, 64)
    with Streams(prepare(backbone, CPU, "crops"), CPU) as streams:
        barrier = threading.Barrier(4)

        def compute(backbone: Backbone, i: int) -> Tensor:
            if i < 4:
                barrier.wait(10)
            return backbone(given.roll(i, 0))["layer4"]

        found = list(streams.map(compute, range(12)))
    assert len(converted) == 1
    assert all(torch.equal(values, found[0].roll(i, 0)) for i, values in enumerate(found))


def test_gpus_always_compute_in_torch() -> None:
    backbone = make("torchvision:resnet18")
    assert engine_on(torch.device("cuda"), backbone) == engine_on(torch.device("mps"), backbone) == "torch"
    assert precision(backbone, torch.device("cuda")) == "cuda, float16 autocast"
    assert precision(backbone, CPU) == "cpu, float32, onnxruntime"


def test_stores_of_two_engines_do_not_mix(tmp_path: Path) -> None:
    """All regions are computed again, and the store names the engine and its version."""
    (tmp_path / "photographs").mkdir()
    annotations = case.write_photographs(tmp_path / "photographs")
    stores = {}
    for engine in ("torch", "onnxruntime"):
        settings = BackboneParameters(
            name="torchvision:squeezenet1_1", weights="random", layers=case.LAYERS, input_size=64, engine=engine
        )
        stores[engine] = _extract(annotations, create_backbone(settings), tmp_path)
    (torch_digests, torch_about), (onnx_digests, onnx_about) = stores.values()
    assert not (torch_digests == onnx_digests).all(axis=1).any()
    assert torch_about["key"] != onnx_about["key"]
    assert torch_about["precision"] == "cpu, float32"
    assert onnx_about["precision"] == "cpu, float32, onnxruntime"
    assert "onnxruntime" in onnx_about["versions"]
    assert "onnxruntime" not in torch_about["versions"]


def _extract(annotations: AnnotationSet, backbone: Backbone, folder: Path) -> tuple[np.ndarray, dict[str, object]]:
    """Digests of the regions and attributes of a store of few regions; `folder` is also scratch."""
    regions: pd.DataFrame = case.make_regions(20)
    kept: list[np.ndarray] = []
    store = extract(
        regions,
        annotations,
        backbone,
        folder / "f.zarr",
        scratch=folder / "scratch",
        expansion=1.5,
        compute=case.CPU,
        confirm=lambda _key, digests: kept.append(digests.copy()),
    )
    return kept[0], dict(store.attributes)
