"""Every stage runs as `python -m stages NAME` and as a module, and reports errors in one paragraph."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from stages.__main__ import main

ROOT = Path(__file__).parents[1]
HELPERS = ("__init__", "__main__", "common")
STAGES = sorted(p.stem for p in (ROOT / "stages").glob("*.py") if p.stem not in HELPERS)
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
TASK_STAGES = {name for name, stage in PIPELINE.items() if "matrix" in stage}


def run(name: str, *arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"stages.{name}", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_runs_as_a_module(name: str) -> None:
    """Without its last two lines, a module would do nothing and still succeed."""
    done = run(name, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage:")


def test_the_launcher_lists_every_stage() -> None:
    listed = CliRunner().invoke(main, ["--help"]).output
    for name in STAGES:
        assert f"  {name} " in listed


@pytest.mark.parametrize("name", ["train", "predict", "evaluate", "report"])
def test_stages_after_extraction_start_without_torch_and_scikit_learn(name: str) -> None:
    """They take seconds to import, and only the workers that train need them."""
    code = f"import sys, stages.{name}; sys.exit(bool({{'torch', 'sklearn'}} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)  # noqa: S603


def test_a_stage_and_its_workers_use_the_package_of_their_checkout(tmp_path: Path) -> None:
    """`dvc exp run --temp` runs stages in temporary checkouts while another one is installed."""
    shutil.copytree(ROOT / "stages", tmp_path / "stages")
    package = tmp_path / "pipeline/hypercolumns"
    shutil.copytree(ROOT / "pipeline/hypercolumns", package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "script.py").write_text(SCRIPT)
    installed = os.pathsep.join([str(ROOT / "pipeline"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": installed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == 2 * [str(package / "__init__.py")]


SCRIPT = """
import stages
import hypercolumns
from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.workers import TRAINING
from hypercolumns.parameters import ComputeParameters

def package_file():
    import hypercolumns
    return hypercolumns.__file__

if __name__ == "__main__":
    with connect(ComputeParameters(workers=1), TRAINING) as client:
        print(hypercolumns.__file__, client.submit(package_file).result())
"""


def test_every_dvc_stage_runs_the_module_of_its_name() -> None:
    for name, stage in PIPELINE.items():
        module = name.split("-")[0]
        assert stage["cmd"].split()[:4] == ["python", "-m", "stages", module]
        assert module in STAGES


@pytest.mark.parametrize("name", sorted({name.split("-")[0] for name in PIPELINE}))
def test_a_wrong_parameter_is_one_paragraph_and_exit_code_1(name: str, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("train: {gird: 5}")
    done = CliRunner().invoke(main, [name, "--params", str(tmp_path / "params.yaml")])
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert "train.gird" in done.output
    assert len(done.output.strip().splitlines()) == 1


@pytest.mark.parametrize("name", sorted({name.split("-")[0] for name in PIPELINE} - {"check", "prepare", "report"}))
def test_a_missing_input_names_the_file_and_the_stage_that_writes_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("")
    done = CliRunner().invoke(main, [name, *(["--task", "keypoints"] if name in TASK_STAGES else [])])
    assert done.exit_code == 1, done.output
    assert "does not exist" in done.output
    assert "dvc repro" in done.output
    assert not (tmp_path / "data").exists()
