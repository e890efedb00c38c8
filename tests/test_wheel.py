"""The wheel holds one top-level name and works without the repository, with its core dependencies alone."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hypercolumns
from hypercolumns.features.writer import write_store
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.spec import GridSpec
from tests.documents import ROOT, code_blocks

NEEDS_AN_EXTRA = {"Segmenter", "predict", "train_grids"}
"""Public names that need OpenCV or Dask's distributed part."""


def call(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: a build in the checkout would leave a folder that later builds take files from."""
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "pipeline", folder / "source/pipeline", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source" / name)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    call(
        *pip,
        "wheel",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        folder / "source",
        cwd=folder,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    version = hypercolumns.__version__
    assert {name.split("/")[0] for name in names} == {"hypercolumns", f"hypercolumns-{version}.dist-info"}
    package = ROOT / "pipeline/hypercolumns"
    files = {f for f in package.rglob("*") if f.is_file() and "__pycache__" not in f.parts}
    assert {name for name in names if name.startswith("hypercolumns/")} == {
        f.relative_to(package.parent).as_posix() for f in files
    }
    assert f"hypercolumns-{version}.dist-info/licenses/LICENSE" in names


IMPORT_ALL = """
import importlib, pkgutil, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
        raise SystemExit(f"{event} {arguments} during {name}")

name = "hypercolumns"
sys.addaudithook(refuse)
import hypercolumns
assert sys.argv[1] in hypercolumns.__file__, hypercolumns.__file__
names = [module.name for module in pkgutil.walk_packages(hypercolumns.__path__, "hypercolumns.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names))
"""


def test_installing_and_importing_open_no_connection(wheel: Path, tmp_path: Path) -> None:
    """Pip gets neither an index nor dependencies, and importing every module looks up no host."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    call(*pip, "install", "--no-index", "--no-deps", "--target", tmp_path / "installed", wheel, cwd=tmp_path)
    (tmp_path / "import_all.py").write_text(f"import sys; sys.path.insert(0, sys.argv[1])\n{IMPORT_ALL}")
    done = call(sys.executable, "import_all.py", tmp_path / "installed", cwd=tmp_path)
    assert int(done) > 100, "modules"


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment with the wheel and what it depends on, in the versions that are tested."""
    folder = tmp_path_factory.mktemp("environment")
    call(sys.executable, "-m", "venv", folder, cwd=folder)
    constraints = ("--constraint", ROOT / "requirements.txt")
    pip = (folder / "bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet")
    call(*pip, "install", *constraints, wheel, cwd=folder)
    yield folder / "bin"
    shutil.rmtree(folder)  # a gigabyte


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a store and a model, as the pipeline writes them, and nothing else."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"image": np.arange(12), "category": 1, "instance": np.arange(12), "kind": "ground_truth"})
    table = table.assign(x0=0.0, y0=0.0, x1=10.0, y1=10.0, iou=1.0, score=1.0)
    blocks = {"stage2": rng.normal(size=(12, 3, 8, 8)), "stage4": rng.normal(size=(12, 5, 4, 4))}
    (tmp_path / "data/features").mkdir(parents=True)
    write_store(tmp_path / "data/features/val.zarr", table, blocks)
    weights = {name: rng.normal(size=(1, 1, 4, block.shape[1])).astype("f4") for name, block in blocks.items()}
    spec = GridSpec(("stage2", "stage4"), 2)
    model = GridModel(spec, 50, ("figure",), ("all",), {1: 0}, weights, np.zeros((1, 1, 4), "f4"))
    model.save(tmp_path / "data/models/segmentation.zarr")
    return tmp_path


def test_the_wheel_works_with_its_core_dependencies_alone(environment: Path, project: Path) -> None:
    python, program = environment / "python", environment / "hypercolumns"
    assert call(program, "--version", cwd=project).strip() == f"hypercolumns, version {hypercolumns.__version__}"
    listed = call(program, "--help", cwd=project)
    assert "inspect" in listed
    assert "params" in listed
    assert "12 regions of 12 images" in call(program, "inspect", "data/features/val.zarr", cwd=project)
    assert call(program, "params", cwd=project) == (ROOT / "params.yaml").read_text()
    names = sorted(set(hypercolumns.__all__) - NEEDS_AN_EXTRA)
    call(python, "-c", f"from hypercolumns import {', '.join(names)}", cwd=project)
    for name in NEEDS_AN_EXTRA:
        code = f"import hypercolumns\ntry: hypercolumns.{name}\nexcept ModuleNotFoundError as error: print(error)"
        assert "pip install 'hypercolumns[pipeline]'" in call(python, "-c", code, cwd=project)


def test_the_python_lines_of_the_readme_run_as_printed(environment: Path, project: Path) -> None:
    # The lines with `Segmenter` need an extra; `tests/segmenter` runs them.
    blocks = [block for block in code_blocks("README.md") if "Segmenter" not in block]
    assert len(blocks) == 2
    checks = "assert heat.shape == (8, 1, 50, 50) and 0 <= heat.min() <= heat.max() <= 1"
    (project / "readme.py").write_text("\n".join([*blocks, checks]))
    call(environment / "python", "readme.py", cwd=project)
