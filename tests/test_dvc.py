"""Stages depend on all code and parameters that they read; otherwise DVC would keep stale results."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import pytest
import yaml

from hypercolumns.definitions import TASKS
from hypercolumns.parameters import BackboneParameters, DetectionParameters, Parameters, TrainParameters
from hypercolumns.parameters.text import as_yaml

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "pipeline"
PACKAGE = SOURCE / "hypercolumns"
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
# Modules that change no result, and the parameters, whose values are dependencies. A change of how stores are written
# changes the name of a schema, which is in the package of its kind.
NEUTRAL = {
    str((PACKAGE / f"{n}.py").relative_to(ROOT)) for n in ("__init__", "devices", "errors", "input_files", "lazy")
}
NEUTRAL |= {f"stages/{n}.py" for n in ("__init__", "__main__", "common")} | {"pipeline/hypercolumns/workspace.py"}
_PACKAGES = ("parameters", "cluster", "cli", "scratch", "stores")
NEUTRAL |= {str(f.relative_to(ROOT)) for n in _PACKAGES for f in (PACKAGE / n).glob("*.py")}
NEUTRAL |= {"pipeline/hypercolumns/steps/__init__.py"}

CHOICE_OF_BOXES = {"file", "max_per_image", "suppression_overlap"}
"""Parameters of `detection` that training does not read."""

ONLY_TRAINING = {"hard_negative_rounds", "penalty", "iterations", "regression_penalty"}
"""Parameters of `detection` that only its own training reads."""

DEFINITIONS = PACKAGE / "definitions.py"
USED_FIELDS = {
    **dict.fromkeys(("train", "predict", "baselines", "ablate"), "create"),
    "evaluate": "judge",
    "report": "section",
}
"""Field of the task definitions that a stage calls; the modules that other fields name matter to other stages."""


def module_file(name: str) -> Path | None:
    """File of a module or package of the project."""
    path = (SOURCE if name.startswith("hypercolumns") else ROOT) / name.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def imports(nodes: Iterable[ast.AST]) -> set[str]:
    """Modules, and perhaps names in them, that syntax nodes import."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def named_modules(field: str | None) -> set[str]:
    """Modules that a field of the task definitions loads by name, as in `create=lambda ...: _load("module:Name")`."""
    keywords = [
        n for n in ast.walk(ast.parse(DEFINITIONS.read_text())) if isinstance(n, ast.keyword) and n.arg == field
    ]
    strings = [n.value for k in keywords for n in ast.walk(k) if isinstance(n, ast.Constant)]
    return {f"hypercolumns.{name.split(':')[0]}" for name in strings if isinstance(name, str) and ":" in name}


@lru_cache
def imported_files(file: Path, field: str | None = None) -> frozenset[Path]:
    """Files of the project that a file imports, with the packages that contain them."""
    tree = ast.parse(file.read_text())
    # The type annotations of the definitions import everything, for the type checker only.
    names = imports(tree.body) | named_modules(field) if file == DEFINITIONS else imports(ast.walk(tree))
    modules = {name for name in names if name.split(".")[0] in ("hypercolumns", "stages")}
    modules |= {name.rsplit(".", i)[0] for name in modules for i in range(1, name.count(".") + 1)}
    return frozenset(file for file in map(module_file, modules) if file)


def loaded_files(name: str) -> set[str]:
    """Files of the project that a stage and its step load, directly and through other files."""
    seen: set[Path] = set()
    todo = [stage_file(name), step_file(name)]  # the search does not find the lazy imports of `steps`
    while todo:
        file = todo.pop()
        if file not in seen and str(file.relative_to(ROOT)) not in NEUTRAL:
            seen.add(file)
            todo += imported_files(file, USED_FIELDS.get(name.split("-")[0]))
    return {str(file.relative_to(ROOT)) for file in seen}


def stage_file(name: str) -> Path:
    return ROOT / "stages" / f"{name.split('-')[0]}.py"


def step_file(name: str) -> Path:
    return PACKAGE / "steps" / f"{name.split('-')[0]}.py"


@pytest.mark.parametrize("name", PIPELINE)
def test_the_code_of_a_stage_is_among_its_dependencies(name: str) -> None:
    dependencies = [dependency.replace("${item.task}", "segmentation") for dependency in PIPELINE[name]["deps"]]
    missing = {
        file for file in loaded_files(name) if not any(file == d or file.startswith(f"{d}/") for d in dependencies)
    }
    # An `__init__.py` without imports has only a docstring.
    assert not {file for file in missing if not file.endswith("__init__.py") or imported_files(ROOT / file)}


@pytest.mark.parametrize("name", sorted(set(PIPELINE) - {"report", "check", "check-parameters"}))
def test_the_parameters_that_a_stage_reads_are_among_its_dependencies(name: str) -> None:
    text = step_file(name).read_text()
    for other in re.findall(r"from hypercolumns\.steps\.(train|predict) import", text):
        text += step_file(other).read_text().partition(f"def {other}_")[2].partition("\ndef ")[2]
    used = set(re.findall(r"\bparameters\.(\w+(?:\.\w+)?)", text))
    used = {key.removesuffix(".model_copy") for key in used if not key.startswith("compute")}
    listed = PIPELINE[name]["params"]
    if "matrix" in PIPELINE[name]:  # the task reads its section
        assert "${item.task}" in listed
    used -= {"task_section", "model_copy"}
    if name == "prepare":  # reads them in `steps.data_set`
        used |= {"seed", "tasks", "dataset"}
    if name == "extract-val":  # only read for train
        used -= {"regions", "dataset.categories"}
    if name in ("detector", "rescorer", "detect"):  # use the layers and the image size of `detection` and `rescoring`
        used -= {"backbone", "rescores"}
        used |= {f"backbone.{key}" for key in set(BackboneParameters.model_fields) - {"layers", "input_size", "file"}}
    if name in ("rescorer", "detect"):
        used |= {"rescoring", "backbone.input_size"}
    if name == "rescorer":  # lists single keys: all of detection that features, scores and labels depend on
        used -= {"detection"}
        used |= {f"detection.{key}" for key in set(DetectionParameters.model_fields) - CHOICE_OF_BOXES - ONLY_TRAINING}
    if name == "detector":  # lists single keys: all of detection but its file and the choice of boxes
        used -= {"detection"}
        used |= {f"detection.{key}" for key in set(DetectionParameters.model_fields) - CHOICE_OF_BOXES}
    if name in ("ablate", "baselines"):  # list single keys: all of train but its grid, and evaluate.minimum_area
        used -= {"train", "evaluate"}
    assert not {key for key in used if key not in listed and key.split(".")[0] not in listed}


@pytest.mark.parametrize("name", [name for name, stage in PIPELINE.items() if "matrix" not in stage])
def test_a_stage_for_all_tasks_does_not_depend_on_files_of_one_task(name: str) -> None:
    """Otherwise the pipeline would fail without that task."""
    assert not [d for d in PIPELINE[name]["deps"] if any(task in d for task in TASKS)]


@pytest.mark.parametrize("name", ["ablate", "baselines"])
def test_comparisons_depend_on_all_keys_of_train_but_grid(name: str) -> None:
    listed = {key.split(".")[1] for key in PIPELINE[name]["params"] if key.startswith("train.")}
    assert listed == set(TrainParameters.model_fields) - {"grid"}


@pytest.mark.parametrize("name", ["check", "check-parameters"])
def test_checks_run_after_any_change_of_a_parameter(name: str) -> None:
    assert PIPELINE[name]["params"] == [{"params.yaml": None}]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A DVC project with this `dvc.yaml`, small parameters and a file in place of each output, up to the models."""
    for name in ("dvc.yaml", "pipeline", "stages"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "data/source", tmp_path / "data/source")
    puppets = {"train_images": 2, "val_images": 1, "width": 96, "height": 96}
    write_parameters(tmp_path, dataset={"puppets": puppets})
    (tmp_path / ".gitignore").write_text("/data/*\n!/data/source\n")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)  # noqa: S607
    dvc(tmp_path, "init", "--quiet")
    dvc(tmp_path, "config", "core.analytics", "false")
    for name, stage in PIPELINE.items():
        if name in STAND_INS:
            for out in stage["outs"]:
                path = tmp_path / (out if isinstance(out, str) else next(iter(out))).replace("${item.task}", "parts")
                path.parent.mkdir(parents=True, exist_ok=True)
                passed = f"The {path.stem} passed all checks.\n"
                path.write_text(passed if path.parent.name == "checks" else "a stand-in\n")
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/proposals.json").write_text("{}")
    for name in STAND_INS:
        dvc(tmp_path, "commit", "--force", "--quiet", f"{name}@parts" if name == "train" else name)
    return tmp_path


STAND_INS = ("check-parameters", "check", "prepare", "propose", "detect", "extract-train", "extract-val", "train")
"""Stages whose outputs a test replaces by stand-ins, in order."""


def write_parameters(folder: Path, **sections: object) -> None:
    """Write a parameter file that DVC can read, with the defaults and these changes."""
    parameters = Parameters.model_validate({"tasks": ["parts"], **sections})
    content = yaml.safe_load(as_yaml(parameters))
    (folder / "params.yaml").write_text(yaml.safe_dump(content))


def dvc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run DVC in a folder; its output is in the result."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.mark.slow
def test_a_mistake_in_the_parameters_deletes_nothing(project: Path) -> None:
    """DVC removes the outputs of a stage before it runs, so the mistake must be found by an earlier one."""
    model = project / "data/models/parts.zarr"
    assert "up to date" in dvc(project, "repro", "train@parts").stdout
    text = (project / "params.yaml").read_text()
    for old, new, complaint in [
        ("  grid: 5\n  heat_map", "  grid: 99\n  heat_map", "train.grid is 99"),
        ("root: data/source", "root: data/nowhere", "dataset.root is 'data/nowhere'"),
        ("root: data/source", "root: ~/source", "DVC does not expand ~"),
        ("file: data/source/README.md", "file: data/no.pt", "backbone.file is 'data/no.pt'"),
    ]:
        assert old in text
        (project / "params.yaml").write_text(text.replace(old, new, 1))
        result = dvc(project, "repro", "train@parts")
        assert result.returncode != 0
        assert complaint in result.stderr + result.stdout
        assert "Traceback" not in result.stderr
        assert model.read_text() == "a stand-in\n"
        assert (project / "data/annotations/train.json").exists()


@pytest.mark.slow
def test_a_passed_check_invalidates_no_other_stage(project: Path) -> None:
    """A change that only the checks depend on runs them and nothing else."""
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("batch_size: 32", "batch_size: 16"))
    result = dvc(project, "repro", "train@parts")
    assert result.returncode == 0, result.stderr
    assert "Running stage 'check'" in result.stdout
    assert "Running stage 'prepare'" not in result.stdout
    assert "data/checks" not in dvc(project, "status", "train@parts").stdout
