"""What a stage reads, code and parameters included, is among its dependencies: else DVC keeps stale results."""

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest
import yaml

from pipeline.parameters import BackboneParameters, TrainParameters
from pipeline.tasks.registry import TASKS

ROOT = Path(__file__).parents[1]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
# What they hold changes no result, or is a dependency by its values (the parameters).
NEUTRAL = {f"pipeline/{n}.py" for n in ("__init__", "devices", "errors", "scratch", "stores")}
NEUTRAL |= {f"pipeline/{n}.py" for n in ("cluster", "preload", "workers")}
NEUTRAL |= {f"stages/{n}.py" for n in ("__init__", "__main__", "common", "network", "workers")}
NEUTRAL |= {str(file.relative_to(ROOT)) for file in (ROOT / "pipeline/parameters").glob("*.py")}


def module_file(name: str) -> Path | None:
    path = ROOT / name.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@lru_cache
def imported(file: Path) -> frozenset[Path]:
    """The project's own modules that a file imports, with the packages that hold them."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    own = {name for name in names if name.split(".")[0] in ("pipeline", "stages")}
    own |= {name.rsplit(".", i)[0] for name in own for i in range(1, name.count(".") + 1)}
    return frozenset(file for file in map(module_file, own) if file)


def closure(file: Path) -> set[str]:
    seen, todo = set(), [file]
    while todo:
        one = todo.pop()
        if one not in seen and str(one.relative_to(ROOT)) not in NEUTRAL:
            seen.add(one)
            todo += imported(one)
    return {str(one.relative_to(ROOT)) for one in seen}


def program(name: str) -> Path:
    return ROOT / "stages" / f"{name.split('-')[0]}.py"


@pytest.mark.parametrize("name", PIPELINE)
def test_the_code_of_a_stage_is_among_its_dependencies(name: str) -> None:
    dependencies = [dependency.replace("${item.task}", "segmentation") for dependency in PIPELINE[name]["deps"]]
    code = closure(program(name))
    missing = {file for file in code if not any(file == d or file.startswith(f"{d}/") for d in dependencies)}
    # A package's first file holds its docstring only.
    missing = {file for file in missing if not (file.endswith("__init__.py") and not imported(ROOT / file))}
    assert not missing


@pytest.mark.parametrize("name", set(PIPELINE) - {"report"})
def test_the_parameters_that_a_stage_reads_are_among_its_dependencies(name: str) -> None:
    used = set(re.findall(r"\bparams\.(\w+(?:\.\w+)?)", program(name).read_text()))
    used = {key.removesuffix(".model_copy") for key in used if not key.startswith("compute")}
    listed = PIPELINE[name]["params"]
    if "of_task" in used:  # the section of the task's own name
        used -= {"of_task"}
        assert "${item.task}" in listed
    if name == "prepare":  # only to refuse what the annotations lack
        used -= {"tasks"}
    if name == "extract-val":  # the other split's
        used -= {"regions", "dataset.categories"}
    if name == "detect":  # its layers are those of `detection`, and photographs come in another size
        used -= {"backbone"}
        used |= {f"backbone.{key}" for key in set(BackboneParameters.model_fields) - {"layers", "input_size", "file"}}
    if name in ("ablate", "baselines"):  # train.grid alone is missing on purpose
        used -= {"train", "evaluate"}  # of evaluate it uses the minimum area
    assert not {key for key in used if key not in listed and key.split(".")[0] not in listed}


@pytest.mark.parametrize("name", [name for name, stage in PIPELINE.items() if "matrix" not in stage])
def test_a_stage_for_all_tasks_depends_on_no_file_of_one(name: str) -> None:
    """Else the pipeline would fail without that task."""
    assert not [d for d in PIPELINE[name]["deps"] if any(task in d for task in TASKS)]


@pytest.mark.parametrize("name", ["ablate", "baselines"])
def test_comparisons_depend_on_all_of_train_but_its_grid(name: str) -> None:
    listed = {key.split(".")[1] for key in PIPELINE[name]["params"] if key.startswith("train.")}
    assert listed == set(TrainParameters.model_fields) - {"grid"}
