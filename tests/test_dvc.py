"""Everything a stage reads, code and parameters included, is among its dependencies: else DVC keeps stale results."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
import yaml

from hypercolumns.definitions import TASKS
from hypercolumns.parameters import BackboneParameters, TrainParameters

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "pipeline"
PACKAGE = SOURCE / "hypercolumns"
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
# Modules that change no result, or whose values are dependencies (the parameters).
NEUTRAL = {str((PACKAGE / f"{n}.py").relative_to(ROOT)) for n in ("__init__", "devices", "errors", "scratch", "stores")}
NEUTRAL |= {f"stages/{n}.py" for n in ("__init__", "__main__", "common")} | {"pipeline/hypercolumns/workspace.py"}
NEUTRAL |= {str(f.relative_to(ROOT)) for n in ("parameters", "cluster", "cli") for f in (PACKAGE / n).glob("*.py")}
NEUTRAL |= {f"pipeline/hypercolumns/steps/{n}.py" for n in ("__init__", "network")}


DEFINITIONS = PACKAGE / "definitions"
USED_OF_DEFINITIONS = {
    **{name: {"create"} for name in ("train", "predict", "baselines", "ablate")},
    "evaluate": {"judge"},
    "report": {"section"},
}
"""The functions of the task definitions that a stage calls; what they import, no other stage loads."""


def module_file(name: str) -> Path | None:
    path = (SOURCE if name.startswith("hypercolumns") else ROOT) / name.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def statements(file: Path, used: frozenset[str]) -> Iterator[ast.AST]:
    """The parts of a module whose imports matter."""
    tree = ast.parse(file.read_text())
    if file.parent != DEFINITIONS:
        yield from ast.walk(tree)
        return
    for node in tree.body:  # not inside `if TYPE_CHECKING`
        if isinstance(node, ast.FunctionDef):
            yield from ast.walk(node) if node.name in used else ()
        else:
            yield node


@lru_cache
def imported(file: Path, used: frozenset[str] = frozenset()) -> frozenset[Path]:
    """The project's own modules that a file imports, with the packages that hold them."""
    names = set()
    for node in statements(file, used):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    own = {name for name in names if name.split(".")[0] in ("hypercolumns", "stages")}
    own |= {name.rsplit(".", i)[0] for name in own for i in range(1, name.count(".") + 1)}
    return frozenset(file for file in map(module_file, own) if file)


def closure(name: str) -> set[str]:
    """Every file of the project that a stage's program and its step load."""
    used = frozenset(USED_OF_DEFINITIONS.get(name.split("-")[0], ()))
    seen: set[Path] = set()
    todo = [program(name), step(name)]  # `steps` imports by name, which no search for imports finds
    while todo:
        one = todo.pop()
        if one not in seen and str(one.relative_to(ROOT)) not in NEUTRAL:
            seen.add(one)
            todo += imported(one, used)
    return {str(one.relative_to(ROOT)) for one in seen}


def program(name: str) -> Path:
    return ROOT / "stages" / f"{name.split('-')[0]}.py"


def step(name: str) -> Path:
    return PACKAGE / "steps" / f"{name.split('-')[0]}.py"


@pytest.mark.parametrize("name", PIPELINE)
def test_the_code_of_a_stage_is_among_its_dependencies(name: str) -> None:
    dependencies = [dependency.replace("${item.task}", "segmentation") for dependency in PIPELINE[name]["deps"]]
    code = closure(name)
    missing = {file for file in code if not any(file == d or file.startswith(f"{d}/") for d in dependencies)}
    # A package's first file holds its docstring only.
    missing = {file for file in missing if not (file.endswith("__init__.py") and not imported(ROOT / file))}
    assert not missing


@pytest.mark.parametrize("name", set(PIPELINE) - {"report"})
def test_the_parameters_that_a_stage_reads_are_among_its_dependencies(name: str) -> None:
    text = step(name).read_text()
    for other in re.findall(r"from hypercolumns\.steps\.(train|predict) import", text):
        text += step(other).read_text().partition(f"def {other}_")[2].partition("\ndef ")[2]
    used = set(re.findall(r"\bparameters\.(\w+(?:\.\w+)?)", text))
    used = {key.removesuffix(".model_copy") for key in used if not key.startswith("compute")}
    listed = PIPELINE[name]["params"]
    if "matrix" in PIPELINE[name] and name != "evaluate":  # the task reads the section of its name
        assert "${item.task}" in listed
    used -= {"task_section", "model_copy"}
    if name == "prepare":  # only to refuse what later stages could not use
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
