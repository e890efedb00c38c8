"""Networks and layers are compared on the same regions; what is finished is kept."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from hypercolumns import InputError, Parameters, Workspace, steps
from hypercolumns.cli.backbones import main
from hypercolumns.evaluation.trade_offs import ComparedNetwork
from hypercolumns.steps import backbones
from hypercolumns.steps.compared_networks import read_networks

CONTENT = {
    "dataset": {"puppets": {"train_images": 5, "val_images": 3, "width": 96, "height": 96}},
    "proposals": {"max_per_image": 30},
    "regions": {"minimum_area": 30},
    "train": {"grid": 2, "heat_map": 10, "sharing": "adapted"},
    "ablate": {"grid": 2, "grids": [2]},
    "compute": {"workers": 1, "device": "cpu"},
}
PARAMETERS = Parameters.model_validate(CONTENT)
SMALL = {"weights": "random", "input_size": 64}
LIST = {
    "fine": {**SMALL, "layers": ["stage2", "stage4"]},
    "coarse": {**SMALL, "layers": ["pooled"]},
}


def test_layers_and_weights_that_are_left_out_are_those_that_are_suggested() -> None:
    found = read_networks({"a": {}, "b": {"name": "timm:resnet18", "input_size": 64}}, PARAMETERS, "list.yaml")
    assert found["a"].backbone == Parameters().backbone
    assert found["b"].backbone.layers == ("layer2", "layer3", "layer4", "global_pool")
    assert found["b"].backbone.weights == "library"
    assert found["b"].train.sharing == "auto"
    assert found["b"].train.grid == 2


@pytest.mark.parametrize(
    ("content", "fragments"),
    [
        (None, ["list.yaml must be a mapping", "timm:resnet50"]),
        ({"a": "timm:resnet50"}, ["list.yaml", "'a'", "mapping"]),
        ({"a": {"nmae": "vgg16"}}, ["list.yaml, a", "unknown key 'backbone.nmae'"]),
        ({"a": {"name": "resnet50"}}, ["list.yaml, a", "torchvision:MODEL"]),
        ({"a": {"name": "timm:resnt50"}}, ["no model 'resnt50'"]),
        ({"a": {"layers": ["stage9"]}}, ["list.yaml, a", "stage9", "stage6"]),
        ({"a": {"name": "alexnet_caffe", "input_size": 227}}, ["list.yaml, a", "backbone.file"]),
    ],
)
def test_lists_that_cannot_be_used_are_refused(content: object, fragments: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read_networks(content, PARAMETERS, "list.yaml")
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_regions_of_whole_photographs_are_refused(tmp_path: Path) -> None:
    pooled = Parameters.model_validate({**CONTENT, "regions": {"mode": "image"}})
    with pytest.raises(InputError, match=r"regions\.mode is image"):
        steps.compare_backbones(pooled, Workspace.at(tmp_path), read_networks(LIST, pooled, "list.yaml"))


def test_an_interrupted_comparison_continues_and_ends_with_the_figures_of_the_ablation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ablation trains the same grids on the store of the last network."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(CONTENT))
    (tmp_path / "list.yaml").write_text(yaml.safe_dump(LIST, sort_keys=False))
    measure, measured = backbones._measure, []

    def measure_one(name: str, settings: Parameters, *others: object) -> ComparedNetwork:
        if len(measured) == allowed:
            raise KeyboardInterrupt
        measured.append(settings.backbone.layers)
        return measure(name, settings, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(backbones, "_measure", measure_one)
    allowed = 1
    assert CliRunner().invoke(main, ["list.yaml", "-o", "out"]).exit_code == 130
    allowed = 9
    result = CliRunner().invoke(main, ["list.yaml", "-o", "out"])
    assert result.exit_code == 0, result.output
    assert measured == [("stage2", "stage4"), ("pooled",)]
    table = (tmp_path / "out/table.md").read_text()
    assert table in result.output
    assert "5 photographs" in table
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"table.md", "table.csv", "chart.svg", "work"}

    workspace = Workspace.at("out/work")
    networks = read_networks(LIST, PARAMETERS, "list.yaml")
    rows = steps.compare_backbones(PARAMETERS, workspace, networks)
    assert len(measured) == 2
    (ablated,) = steps.ablate_layers(networks["coarse"], workspace)
    assert rows[1].network.ious.mean() == pytest.approx(ablated["mean_iou"])
    assert rows[1].network.bytes == 2 * 1280
    assert rows[0].network.bytes == 2 * (40 * 8**2 + 112 * 4**2)
