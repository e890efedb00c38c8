"""Parameters are checked when they are read; `params.yaml` and the recipes agree with the defaults."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml
from click.testing import CliRunner
from pydantic import BaseModel, ValidationError

from hypercolumns.cli.main import main
from hypercolumns.errors import InputError, choices
from hypercolumns.parameters import TASK_SECTIONS, Parameters
from hypercolumns.parameters.dataset import FORMAT_NAMES
from hypercolumns.parameters.text import as_yaml, leading_comment

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))

LAUGHS = "".join(f"{new}: &{new} [{', '.join([f'*{old}'] * 20)}]\n" for old, new in ("bc", "cd", "de", "ef"))

FREE_MAPPINGS = (".dataset.part_names", ".dataset.keypoint_names")
"""Parameters whose keys are chosen by the user."""


def keys(content: object, prefix: str = "") -> set[str]:
    if not isinstance(content, dict) or prefix in FREE_MAPPINGS:
        return {prefix}
    return {key for name, value in content.items() for key in keys(value, f"{prefix}.{name}")}


def test_params_yaml_holds_the_defaults() -> None:
    """`hypercolumns params > params.yaml` writes it again."""
    assert (ROOT / "params.yaml").read_text() == as_yaml(Parameters())


def test_printed_parameters_read_back_as_they_were(tmp_path: Path) -> None:
    dataset = {"part_names": {"z": ["[lr]ear", "null"], "no": ["a: b"]}, "keypoint_names": {"left eye": "L_Eye"}}
    changed = Parameters.model_validate(
        {"train": {"grid": 7}, "backbone": {"name": "timm:x", "layers": ["a: b", "c"]}, "seed": 3, "dataset": dataset}
    )
    (tmp_path / "params.yaml").write_text(as_yaml(changed))
    loaded = Parameters.load(tmp_path / "params.yaml")
    assert loaded == changed
    assert list(loaded.dataset.part_names) == ["z", "no"], "the order of the names is that of the parts"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda p: p.stem)
def test_a_recipe_gives_a_complete_parameter_file_with_the_comment_of_the_recipe(recipe: Path, tmp_path: Path) -> None:
    """DVC needs every key; the comment says what to download."""
    printed = CliRunner().invoke(main, ["params", "--recipe", str(recipe)], catch_exceptions=False).stdout
    assert printed.startswith(leading_comment(recipe.read_text()))
    assert keys(yaml.safe_load(printed)) == keys(Parameters().model_dump(mode="json"))
    (tmp_path / "params.yaml").write_text(printed)
    assert Parameters.load(tmp_path / "params.yaml") == Parameters.load(recipe)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda p: p.stem)
def test_a_recipe_holds_only_what_differs_from_the_defaults(recipe: Path) -> None:
    defaults = Parameters().model_dump(mode="json")

    def repeated(content: dict, default: dict, prefix: str = "") -> set[str]:
        same = set()
        for name, value in content.items():
            if isinstance(value, dict) and f"{prefix}.{name}" not in FREE_MAPPINGS:
                same |= repeated(value, default[name], f"{prefix}.{name}")
            elif value == default[name]:
                same.add(f"{prefix}.{name}")
        return same

    assert not repeated(yaml.safe_load(recipe.read_text()), defaults)
    assert f"hypercolumns params --recipe recipes/{recipe.name} > params.yaml" in recipe.read_text()


def test_a_task_that_is_not_registered_has_no_section() -> None:
    with pytest.raises(ValidationError, match="unknown key 'colours'"):
        Parameters.model_validate({"colours": {"baselines": False}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: {grid: 51}", "train.grid is 51, larger than the heat map of 50 locations; choose 1 to 50"),
        ("ablate: {grids: [1, 60]}", "ablate.grids has K = 60, larger than the heat map of 50"),
        ("train: {gird: 5}", "unknown key 'train.gird'; train knows adaptation, alpha, epochs, fusion, grid"),
        ("trian: {grid: 5}", "unknown key 'trian'; the top level knows ablate, backbone"),
        ("dataset: {root: 's3://bucket/voc'}", "dataset.root is 's3://bucket/voc', an address; copy"),
        ("dataset: {format: vco}", f"dataset.format is 'vco'; choose {choices(FORMAT_NAMES)}"),
        ("dataset: {puppets: {figures: 3}}", "unknown key 'dataset.puppets.figures'; dataset.puppets knows height"),
        ("tasks: [parts, parts]", "name each once"),
        ("train: {heat_map: 100000}", "train.heat_map is 100000; it must be from 1 to 500"),
        ("proposals: {superpixel_sigma: 1000}", "proposals.superpixel_sigma is 1000; it must be from 0 to 100."),
        ("dataset: {parts_of: car}", "dataset.parts_of needs dataset.format coco, not puppets"),
        ("dataset: {val_keypoints: a.json}", "dataset.val_keypoints needs dataset.keypoints"),
        ("dataset: {part_names: {leg: luleg}}", "dataset.part_names.leg is 'luleg'"),
        ("detection: {source: file}", "detection.file must name a COCO results JSON"),
        ("backbone: {weights: file}", "backbone.file must name a file with weights"),
        ("ablate: {grid: 60}", "ablate.grid has K = 60, larger than the heat map of 50"),
        (
            "backbone: {layers: [stage1, stage9]}",
            "backbone.layers: efficientnet_lite0 has no layer 'stage9'; choose",
        ),
        (
            "backbone: {name: vgg16, layers: [pool3]}",
            "detection.layers: vgg16 has no layer 'stage4'; choose",
        ),
        ("backbone: {name: resnet50}", "backbone.name is 'resnet50'; choose alexnet, alexnet_caffe"),
        ("backbone: {name: 'timm:'}", "backbone.name is 'timm:'; choose"),
        ("backbone: {layers: [stage2, stage1]}", "from fine to coarse: [stage1, stage2]"),
        ("backbone: {layers: [stage1, stage1]}", "name each once, from fine to coarse: [stage1]"),
        ("detection: {layers: [stage6, stage4]}", "detection.layers is [stage6, stage4]; name each once"),
        ("backbone: {layers: []}", "backbone.layers is []"),
        ("ablate: {grids: []}", "ablate.grids is []; it needs 1 or more entries."),
        ("detection: {negative_overlap: 0.9}", "negative_overlap is 0.9, larger than detection.positive_overlap"),
        ("train: {alpha: -1}", "train.alpha is -1"),
        ("train: {alpha: .nan}", "train.alpha is nan"),
        ("train: {grid: a}", "train.grid is 'a'; it must be an integer."),
        ("train: {grid: 2.5}", "train.grid is 2.5; it must be an integer."),
        ("train: {alpha: a}", "train.alpha is 'a'; it must be a number."),
        ("train: 5", "train is 5; it must be a mapping."),
        ("train:", "train is null; it must be a mapping."),
        ("tasks: segmentation", "tasks is 'segmentation'; it must be a list such as [a, b]."),
        ("predict: {superpixels: true}", "predict.superpixels is True; it must be a number, not true or false."),
        ("predict: {superpixels: 3}", "predict.superpixels is 3; it must be from 0 to 1."),
        ("dataset: {root: 3}", "dataset.root is 3; it must be a string."),
        (
            "dataset: {part_names: 3}",
            "dataset.part_names is 3; it must be a mapping.",
        ),
        ("dataset: {part_names: {leg: luleg}}", "; it must be a list such as [a, b]."),
        (
            "dataset: {part_names: {'': [a]}}",
            "dataset.part_names has the name ''; it needs at least one letter or digit.",
        ),
        ("dataset: {keypoint_names: {3: a}}", "dataset.keypoint_names has the name 3; it must be a string."),
        ("dataset: {parts_of: ''}", "dataset.parts_of is ''; it needs at least one letter"),
        ("backbone: {layers: []}", "; it needs 1 or more entries."),
        ("regions: {expansion: 5}", "regions.expansion is 5; it must be from 1 to 4."),
        ("backbone: {weights: none}", "backbone.weights is 'none'; choose 'packaged', 'library', 'random' or 'file'."),
        ("train: {grid: true}", "train.grid is True; it must be a number, not true or false."),
        ("ablate: {grids: [1, true]}", "ablate.grids is [1, True]; it must be a number, not true or false."),
        ("predict: {threshold: true}", "predict.threshold is True; it must be a number, not true or false."),
        ("regions: {minimum_area: 99999999999999999999}", "it must be from 0 to 1000000000."),
        ("seed: 4294967296", "seed is 4294967296; it must be from 0 to 4294967295."),
        ("train: {alpha: .inf}", "train.alpha is inf; it must be from 1e-12 to 1e+06."),
        ("dataset: {root: ''}", "dataset.root is ''; it needs at least one letter or digit."),
        ('dataset: {root: "a\\0b"}', "it must not have control characters."),
        (f"dataset: {{root: {'x' * 5000}}}", "it is too long."),
        ("dataset: {categories: !!set {a, b}}", "it must be a list such as [a, b]."),
        ("seed: 2001-99-99", "is not valid YAML: month must be in 1..12."),
        ("seed: 1\nseed: 2", "has the key 'seed' twice in one mapping, the second in line 2."),
        ("train: {grid: 2, grid: 3}", "has the key 'grid' twice in one mapping"),
        ("seed: " + "[" * 5000 + "]" * 5000, "is not valid YAML: it is nested too deeply."),
        ("tasks: &a [*a]", "has aliases that stand for more than 100000 values"),
        ("a: &a [x, x, x, x]\nb: &b [*a, *a, *a]\n" + LAUGHS, "has aliases that stand for more than 100000 values"),
        ("- 1", "must be a mapping of sections"),
        ("a: [", "is not valid YAML"),
    ],
)
def test_an_invalid_value_is_refused_with_its_key_and_the_choices(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        Parameters.load(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [("predict.overlap_exponent", "overlap_weight"), ("rescoring.proposals_per_instance", "positive_per_instance")],
)
def test_a_key_of_an_earlier_version_is_refused_with_the_new_one(old: str, new: str, tmp_path: Path) -> None:
    section, key = old.split(".")
    path = tmp_path / "params.yaml"
    path.write_text(f"{section}: {{{key}: 1}}\n")
    with pytest.raises(InputError, match=rf"unknown key '{old}'; {section} knows .*\b{new}\b"):
        Parameters.load(path)


def test_a_file_of_an_earlier_version_is_completed_with_its_values_kept(tmp_path: Path) -> None:
    """`docs/upgrading.md` relies on this."""
    path = tmp_path / "params.yaml"
    path.write_text("# Mine\ntrain: {grid: 7}\n")
    printed = CliRunner().invoke(main, ["params", "--recipe", str(path)], catch_exceptions=False).stdout
    assert printed.startswith("# Mine\n")
    completed = yaml.safe_load(printed)
    assert completed["train"]["grid"] == 7
    assert keys(completed) == keys(Parameters().model_dump(mode="json"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"params\.yaml does not exist"):
        Parameters.load(tmp_path / "params.yaml")


def test_an_alias_stands_for_what_it_repeats(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("backbone: {layers: &a [stage2, stage4]}\ndetection: {layers: *a}\n")
    loaded = Parameters.load(tmp_path / "params.yaml")
    assert loaded.backbone.layers == loaded.detection.layers == ("stage2", "stage4")


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("")
    assert Parameters.load(tmp_path / "params.yaml") == Parameters()


def numeric_keys(section: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Keys of all numbers, those that may be null included."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from numeric_keys(field.annotation, (*path, name))
        elif {int, float} & set(types_in(field.annotation)):
            yield (*path, name)


def types_in(annotation: object) -> Iterator[object]:
    yield annotation
    for inner in get_args(annotation):
        yield from types_in(inner)


NUMERIC_KEYS = [
    *numeric_keys(Parameters),
    *(key for name, section in TASK_SECTIONS.items() for key in numeric_keys(section, (name,))),
]


@pytest.mark.parametrize("key", NUMERIC_KEYS, ids=".".join)
@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan", "1.0e+39", "-1.0e+39", str(2**64), str(2**63 - 1), "-7"])
def test_no_number_may_be_absurd(tmp_path: Path, key: tuple[str, ...], value: str) -> None:
    """The message names the key and the range."""
    text = value
    for name in reversed(key):
        text = f"{{{name}: {text}}}"
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="it must be") as error:
        Parameters.load(path)
    assert ".".join(key) in str(error.value)
    assert str(path) in str(error.value)


def test_a_million_cells_or_a_billion_workers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    for text in ("train: {grid: 1000000}", "ablate: {grids: [1000000]}", "compute: {workers: 1000000000}"):
        path.write_text(text)
        with pytest.raises(InputError):
            Parameters.load(path)
