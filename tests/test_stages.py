"""Every stage runs as `python -m stages.NAME` and as a subcommand, and says what is wrong in one paragraph."""

import gc
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from stages.__main__ import main
from stages.workers import IMPORTS

ROOT = Path(__file__).parents[1]
HELPERS = ("__init__", "__main__", "common", "network", "workers")
STAGES = sorted(p.stem for p in (ROOT / "stages").glob("*.py") if p.stem not in HELPERS)
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What workers would import, per command that asked for them; none are started in this process."""
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr("stages.__main__.serve_forks", asked.append)
    return asked


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


def test_workers_are_asked_for_before_the_imports_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.delitem(sys.modules, "stages.train", raising=False)
    monkeypatch.setattr("stages.__main__.serve_forks", lambda m: asked.append((m, "stages.train" in sys.modules)))
    CliRunner().invoke(main, ["train", "--params", "missing.yaml"])
    assert asked == [(IMPORTS["train"], False)]
    assert gc.isenabled()


def test_help_asks_for_no_workers(started: list[tuple[str, ...]]) -> None:
    done = CliRunner().invoke(main, ["train", "--help"])
    assert done.output.startswith("Usage:")
    assert not started


def test_completing_a_command_line_asks_for_no_workers(started: list[tuple[str, ...]]) -> None:
    completed = ShellComplete(main, {}, "hypercolumns", "_HYPERCOLUMNS_COMPLETE").get_completions(["train"], "--ta")
    assert [item.value for item in completed] == ["--task"]
    assert not started


def test_asking_for_workers_takes_no_imports_itself() -> None:
    """Else they would wait for them."""
    code = "import sys, stages.workers; sys.exit(bool({'click', 'numpy', 'dask', 'pydantic'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)  # noqa: S603


@pytest.mark.parametrize("name", STAGES)
def test_a_command_connects_with_the_imports_of_its_own_name(name: str) -> None:
    asked = re.findall(r"\bconnect\((.*)\)", (ROOT / "stages" / f"{name}.py").read_text())
    assert asked == ([f'params.compute, IMPORTS["{name}"]'] if name in IMPORTS else [])


def test_every_dvc_stage_runs_the_program_of_its_name() -> None:
    for name, stage in PIPELINE.items():
        program = name.split("-")[0]
        assert stage["cmd"].split()[:4] == ["python", "-m", "stages", program]
        assert program in STAGES


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
