"""Exported files give the pipeline's heat maps, for any number of regions, without this package."""

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from hypercolumns import GridModel, InputError, create_backbone, heat_map_network
from hypercolumns.export.files import OPSET, export
from hypercolumns.export.program import trace
from hypercolumns.grid.spec import GridSpec
from hypercolumns.parameters import BackboneParameters
from tests.export.conftest import SHARING, Project

TASKS = list(SHARING)
ROWS = [slice(0, 1), slice(1, 4), slice(0, 7)]
"""Of the val store; batches of other sizes than the traced one."""


def inputs(project: Project, task: str, rows: slice, backbone: bool) -> list[NDArray]:
    """Crops or maps, and the categories if the task has several groups."""
    store = project.store
    given = [project.crops(rows)] if backbone else [store.read(layer, rows).astype("f4") for layer in store.layers]
    return given if task == "segmentation" else [*given, project.categories(task, rows)]


@pytest.mark.parametrize(("backbone", "tolerance"), [(False, 1e-5), (True, 1e-3)])
@pytest.mark.parametrize("task", TASKS)
def test_onnx_runtime_gives_the_heat_maps_of_the_pipeline(
    project: Project, task: str, backbone: bool, tolerance: float
) -> None:
    """From the same maps to 1e-5; from crops to 1e-3, since stores keep float16."""
    session = onnxruntime.InferenceSession(project.export(task, "onnx", backbone))
    for rows in ROWS:
        named = zip((i.name for i in session.get_inputs()), inputs(project, task, rows, backbone), strict=True)
        (found,) = session.run(["heat_maps"], dict(named))
        np.testing.assert_allclose(found, project.expected(task, rows), rtol=0, atol=tolerance)


@pytest.mark.parametrize(("backbone", "tolerance"), [(False, 1e-5), (True, 1e-3)])
@pytest.mark.parametrize("task", TASKS)
def test_the_torch_archive_gives_the_heat_maps_of_the_pipeline(
    project: Project, task: str, backbone: bool, tolerance: float
) -> None:
    network = torch.export.load(project.export(task, "torch", backbone)).module()
    for rows in ROWS:
        given = [torch.from_numpy(values) for values in inputs(project, task, rows, backbone)]
        if not backbone:
            layers = project.store.layers
            given = [dict(zip(layers, given[: len(layers)], strict=True)), *given[len(layers) :]]
        np.testing.assert_allclose(network(*given), project.expected(task, rows), rtol=0, atol=tolerance)


@pytest.mark.parametrize("task", TASKS)
def test_the_module_gives_the_heat_maps_of_the_pipeline(project: Project, task: str) -> None:
    source, rows = project.source(task), slice(0, 5)
    network = heat_map_network(source.model, source.backbone, source.blending)
    given = [torch.from_numpy(values) for values in inputs(project, task, rows, backbone=True)]
    np.testing.assert_allclose(network(*given), project.expected(task, rows), rtol=0, atol=1e-3)


def test_inputs_and_output_of_an_onnx_file(project: Project) -> None:
    described = {}
    for task in ("segmentation", "parts"):
        for backbone in (True, False):
            session = onnxruntime.InferenceSession(project.export(task, "onnx", backbone))
            described[task, backbone] = [(i.name, i.type, i.shape) for i in session.get_inputs()]
            (output,) = session.get_outputs()
            n_targets = len(project.source(task).model.targets)
            assert (output.name, output.type, output.shape[1:]) == ("heat_maps", "tensor(float)", [n_targets, 25, 25])
            assert isinstance(output.shape[0], str), "any number of regions"
    ((name, kind, shape),) = described["segmentation", True]
    assert (name, kind, shape[1:]) == ("crops", "tensor(float)", [3, 96, 96])
    assert [name for name, _, _ in described["parts", True]] == ["crops", "category"]
    assert described["parts", True][1][1] == "tensor(int64)"
    assert [name for name, _, _ in described["parts", False]] == [*project.store.layers, "category"]


def test_an_onnx_file_is_sound_and_self_contained_and_names_no_file_of_this_machine(project: Project) -> None:
    path = project.export("parts", "onnx", True)
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path, load_external_data=False)
    assert all(tensor.data_location == onnx.TensorProto.DEFAULT for tensor in model.graph.initializer)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", OPSET)]
    assert not model.functions
    content = path.read_bytes()
    assert str(Path(torch.__file__).parents[1]).encode() not in content
    assert b"site-packages" not in content
    assert b'File \\"' not in content
    assert not [p for p in path.parent.iterdir() if p.name.startswith(".parts")], "no unfinished file stays"


@pytest.mark.parametrize("file_format", ["onnx", "torch"])
def test_a_file_describes_itself(project: Project, file_format: str) -> None:
    path, source = project.export("keypoints", file_format, True), project.source("keypoints")
    if file_format == "onnx":
        text = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map["hypercolumns"]
    else:
        extra = {"hypercolumns.json": ""}
        torch.export.load(path, extra_files=extra)
        text = extra["hypercolumns.json"]
    about = json.loads(text)
    annotated = project.annotations.categories
    assert about["schema"] == "hypercolumns-export/1"
    assert about["task"] == "keypoints"
    assert about["inputs"] == "crops"
    assert [(c["id"], c["name"], tuple(c["targets"])) for c in about["categories"]] == [
        (c.id, c.name, c.keypoints) for c in sorted(annotated, key=lambda c: c.id)
    ]
    assert {c["group"] for c in about["categories"]} == set(source.model.groups)
    assert about["targets"] == list(source.model.targets)
    assert (about["input_size"], about["expansion"], about["heat_map"]) == (96, 1.2, 25)
    assert about["mean"] == list(source.backbone.mean)
    assert about["layers"] == list(project.store.layers)
    assert about["weights_sha256"] == project.store.attributes["weights_sha256"]
    assert about["model_sha256"] == source.model.digest()
    assert about["threshold"] == project.parameters.predict.threshold


@pytest.mark.parametrize("file_format", ["onnx", "torch"])
def test_equal_grids_give_equal_bytes(project: Project, tmp_path: Path, file_format: str) -> None:
    export(project.source("parts"), tmp_path / "again", file_format, backbone=False)
    assert (tmp_path / "again").read_bytes() == project.export("parts", file_format, False).read_bytes()


def test_a_torch_archive_holds_no_pickle(project: Project) -> None:
    """Weights are raw bytes, everything else is JSON or a number."""
    with zipfile.ZipFile(project.export("parts", "torch", True)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    for name, content in contents.items():
        assert not content.startswith(b"PK"), "torch.save writes such files"
        assert not content.startswith(b"\x80"), "a pickle"
        if name.endswith("_config.json"):
            assert b'"use_pickle":true' not in content.replace(b" ", b"")
    assert not any(content for name, content in contents.items() if "sample_inputs" in name)
    assert not any(b"site-packages" in content for content in contents.values())


@pytest.mark.parametrize("file_format", ["onnx", "torch"])
def test_a_file_runs_without_this_package(project: Project, file_format: str) -> None:
    path = project.export("segmentation", file_format, True)
    loading = {
        "onnx": f"""
import numpy, onnxruntime
heat, = onnxruntime.InferenceSession({str(path)!r}).run(None, {{"crops": numpy.zeros((3, 3, 96, 96), "f4")}})
""",
        "torch": f"""
import torch
heat = torch.export.load({str(path)!r}).module()(torch.zeros(3, 3, 96, 96))
""",
    }
    absent = "import sys\nsys.modules |= dict.fromkeys(('hypercolumns', 'timm', 'torchvision'))"
    code = f"{absent}{loading[file_format]}assert heat.shape == (3, 1, 25, 25)"
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


def test_weights_that_heat_maps_do_not_need_are_left_out(project: Project) -> None:
    """The layers above features.7: those of the network, and its classifier."""
    source = project.source("segmentation")
    program, _ = trace(heat_map_network(source.model, source.backbone))
    assert "backbone.network.features.7.squeeze.weight" in program.state_dict
    assert not [n for n in program.state_dict if ".network.classifier." in n or ".features.9." in n]


@pytest.mark.slow
def test_the_default_network_and_others_can_be_exported(tmp_path: Path) -> None:
    """Convolutions and the padding of TensorFlow; grouped convolutions and response norm; tokens."""
    rng = np.random.default_rng(0)
    for name, layers, side in [
        ("efficientnet_lite0", ("stage2", "stage4", "pooled"), 64),
        ("alexnet_caffe", ("pool2", "conv4"), 227),
        ("timm:vit_tiny_patch16_224", ("blocks.1",), 224),
    ]:
        weights = "packaged" if name == "efficientnet_lite0" else "random"
        backbone = create_backbone(BackboneParameters(name=name, weights=weights, layers=layers, input_size=side))
        shapes = {layer.name: (1, 1, 4, layer.channels) for layer in backbone.layers}
        values = {layer: rng.normal(0, 0.05, shape).astype("f4") for layer, shape in shapes.items()}
        model = GridModel(GridSpec(layers, 2), 10, ("figure",), ("all",), {1: 0}, values, np.zeros((1, 1, 4), "f4"))
        network = heat_map_network(model, backbone)
        program, names = trace(network)
        written = torch.onnx.export(program, input_names=names, opset_version=OPSET, dynamo=True, verbose=False)
        written.save(tmp_path / "file.onnx", external_data=False)
        session = onnxruntime.InferenceSession(tmp_path / "file.onnx")
        for n in (1, 3):
            crops = torch.from_numpy(rng.random((n, 3, side, side), dtype="f4"))
            (found,) = session.run(None, {"crops": crops.numpy()})
            np.testing.assert_allclose(found, network(crops), rtol=0, atol=1e-4, err_msg=name)


def test_grids_on_maps_of_whole_photographs_are_exported_alone(project: Project, tmp_path: Path) -> None:
    source = replace(project.source("segmentation"), is_warped=False)
    with pytest.raises(InputError, match=r"regions\.mode: image.*--without-backbone"):
        export(source, tmp_path / "file", "torch")
    export(source, tmp_path / "file", "torch", backbone=False)
    assert (tmp_path / "file").exists()


def test_a_missing_package_is_named_with_the_command(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"needs the package onnx.*pip install 'hypercolumns\[export\]'"):
        export(project.source("segmentation"), tmp_path / "file.onnx")


def test_a_backbone_without_the_layers_of_the_model_is_refused(project: Project) -> None:
    source = project.source("segmentation")
    settings = project.parameters.backbone
    fewer = create_backbone(settings.model_copy(update={"layers": ("features.6",)}))
    with pytest.raises(InputError, match=r"'features\.3', which the backbone .* created without; it has features\.6"):
        heat_map_network(source.model, fewer)
    weights = {layer: values[..., 1:] for layer, values in source.model.weights.items()}
    with pytest.raises(InputError, match=r"trained on 127 channels of the layer 'features\.3'.* has 128"):
        heat_map_network(replace(source.model, weights=weights), source.backbone)
