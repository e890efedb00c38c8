"""Every stage runs as `python -m stages.NAME` and as a subcommand, and says what is wrong in one paragraph."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from stages.main import main

ROOT = Path(__file__).parents[1]
HELPERS = ("__init__", "common", "main", "network")
STAGES = sorted(p.stem for p in (ROOT / "stages").glob("*.py") if p.stem not in HELPERS)
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def run(name: str, *arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"stages.{name}", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_a_program_with_help(name: str) -> None:
    """A module without its last two lines would do nothing and look as if it had."""
    done = run(name, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage:")


def test_the_console_script_has_every_stage() -> None:
    listed = CliRunner().invoke(main, ["--help"]).output
    for name in STAGES:
        assert f"  {name} " in listed


@pytest.mark.parametrize("name", ["train", "predict", "evaluate", "report"])
def test_what_a_changed_classifier_reruns_starts_without_torch_and_scikit_learn(name: str) -> None:
    """They take seconds to import; only workers that train need them."""
    code = f"import sys, stages.{name}; sys.exit(bool({{'torch', 'sklearn'}} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)  # noqa: S603


def test_every_dvc_stage_runs_the_program_of_its_name() -> None:
    for name, stage in PIPELINE.items():
        assert stage["cmd"].startswith(f"python -m stages.{name.split(chr(45))[0]}")
        assert name.split("-")[0] in STAGES


@pytest.mark.parametrize("name", sorted({name.split("-")[0] for name in PIPELINE}))
def test_a_wrong_parameter_is_one_paragraph_and_exit_code_1(name: str, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("train: {gird: 5}")
    done = CliRunner().invoke(main, [name, "--params", str(tmp_path / "params.yaml")])
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert "train.gird" in done.output
    assert len(done.output.strip().splitlines()) == 1


@pytest.mark.parametrize("name", sorted({name.split("-")[0] for name in PIPELINE} - {"prepare", "report"}))
def test_a_missing_input_names_the_file_and_the_stage_that_writes_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("")
    done = CliRunner().invoke(main, [name])
    assert done.exit_code == 1, done.output
    assert "does not exist" in done.output or "holds no" in done.output
    assert "dvc repro" in done.output
    assert not (tmp_path / "data").exists()
