"""Every stage runs as `python -m stages NAME` and as a module, and reports errors in one paragraph."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from stages.__main__ import main
from stages.common import TASK, stage

ROOT = Path(__file__).parents[1]
HELPERS = ("__init__", "__main__", "common")
STAGES = sorted(p.stem for p in (ROOT / "stages").glob("*.py") if p.stem not in HELPERS)
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
TASK_STAGES = {name for name, described in PIPELINE.items() if "matrix" in described}


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
    for name, described in PIPELINE.items():
        module = name.split("-")[0]
        assert described["cmd"].split()[:4] == ["python", "-m", "stages", module]
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


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Result]:
    """A function that runs a stage, which edits its parameter file meanwhile, and returns how it ended."""
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())

    def run(name: str, text: str) -> Result:
        """Run a stage under the DVC name `name` (none if empty)."""
        Path("params.yaml").write_text("{}")
        monkeypatch.setenv("DVC_STAGE", name)

        def step(*_: object, task: str) -> None:  # noqa: ARG001 - an option of the stage
            Path("params.yaml").write_text(text)

        return CliRunner().invoke(stage(step, TASK), ["--task", "parts"])

    return run


@pytest.mark.parametrize(
    ("name", "text", "change"),
    [
        ("train@parts", "train: {grid: 7}", "train.grid was 5 and is 7 now"),
        ("train@parts", "parts: {baselines: false}", "parts.baselines was True and is False now"),
        ("extract-val", "seed: 3", "seed was 0 and is 3 now"),
        ("check", "compute: {workers: 3}", "compute.workers was 0 and is 3 now"),
        ("", "evaluate: {minimum_area: 7}", "evaluate.minimum_area was"),
    ],
)
def test_a_parameter_file_that_is_edited_meanwhile_is_not_recorded(
    edited: Callable[[str, str], Result], name: str, text: str, change: str
) -> None:
    """DVC records the values that it finds after the stage."""
    result = edited(name, text)
    assert result.exit_code == 1
    assert change in result.output
    assert "run again" in result.output


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train@parts", "train: {grid: 5}"),
        ("train@parts", "keypoints: {baselines: false}"),
        ("train@parts", "predict: {superpixels: 0}"),
        ("extract-val", "regions: {proposals_per_instance: 3}"),
        ("", "compute: {workers: 1}"),
    ],
)
def test_an_edit_of_what_the_stage_does_not_depend_on_is_welcome(
    edited: Callable[[str, str], Result], name: str, text: str
) -> None:
    result = edited(name, text)
    assert result.exit_code == 0, result.output
