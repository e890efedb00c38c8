"""The scripts of SLURM's jobs start what the guide says."""

import importlib.util
import os
import shlex
import signal
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from click.testing import CliRunner

from hypercolumns.cluster.workers import WORKER_ENVIRONMENT
from tests.documents import ROOT

FOLDER = ROOT / "deploy/slurm"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed: pip install dask-jobqueue")
    monkeypatch.chdir(tmp_path)  # dask-jobqueue makes the folder of the logs
    spec = importlib.util.spec_from_file_location("cluster", FOLDER / "cluster.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """File with what `squeue` prints."""
    listed = tmp_path / "listed"
    program = tmp_path / "squeue"
    program.write_text(f"#!/bin/sh\ncat {shlex.quote(str(listed))}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return listed


def scripts(cluster: ModuleType, *arguments: object, **options: object) -> list[str]:
    """Scripts of the jobs, by the order of their names."""
    jobs = cluster.worker_jobs(*arguments, **options)
    return [spec["cls"]("tcp://host:8786", name=name, **spec["options"]).job_script() for name, spec in jobs]


def test_a_job_starts_a_process_per_core_with_one_thread_and_its_share_of_the_memory(cluster: ModuleType) -> None:
    first, second = scripts(cluster, 2, 8, 4 * 2**30, "cpu", walltime="12:00:00", job_extra_directives=["--nice=5"])
    assert {"#SBATCH --cpus-per-task=8", "#SBATCH --mem=32G", "#SBATCH -t 12:00:00", "#SBATCH --nice=5"} <= set(
        first.splitlines()
    )
    command = shlex.split(first.splitlines()[-1])
    assert command[command.index("--nworkers") + 1] == "8"
    assert command[command.index("--nthreads") + 1] == "1"
    assert command[command.index("--memory-limit") + 1] == "4.00GiB"
    assert second == first.replace("cpu-0", "cpu-1")


def test_the_workers_of_a_gpu_job_share_its_cores_and_are_marked(cluster: ModuleType) -> None:
    (script,) = scripts(cluster, 1, 3, 8 * 2**30, "gpu", job_cpu=8, worker_extra_args=["--resources", "GPU=1"])
    assert {"#SBATCH --cpus-per-task=8", "#SBATCH --mem=24G"} <= set(script.splitlines())
    command = shlex.split(script.splitlines()[-1])
    assert command[command.index("--nworkers") + 1] == "3"
    assert command[command.index("--nthreads") + 1] == "1"
    assert command[command.index("--resources") + 1] == "GPU=1"


def test_workers_have_the_environment_of_local_workers(cluster: ModuleType) -> None:
    (script,) = scripts(cluster, 1, 1, 4 * 2**30, "cpu")
    exports = {line.removeprefix("export ") for line in script.splitlines() if line.startswith("export ")}
    assert exports == {f"{name}={value}" for name, value in WORKER_ENVIRONMENT.items()}


def test_the_batch_script_of_workers_starts_one_thread_per_process() -> None:
    script = (FOLDER / "workers.sbatch").read_text()
    assert "source deploy/workers.env" in script
    assert "--nthreads 1" in script


@pytest.mark.parametrize(
    ("connected", "listed", "ended"),
    [({}, "1\n7\n", False), ({"tcp://host:1": {}}, "1\n", False), ({}, "1\n", True), ({}, "", True)],
)
def test_workers_have_ended_when_none_is_connected_and_no_job_is_left(
    cluster: ModuleType, queue: Path, connected: dict, listed: str, ended: bool
) -> None:
    queue.write_text(listed)
    jobs = {"cpu-0": SimpleNamespace(job_id="7"), "cpu-1": SimpleNamespace(job_id="8")}
    spec_cluster = SimpleNamespace(workers=jobs, scheduler_info={"workers": connected})
    workers = cluster.Workers(spec_cluster)
    jobs.clear()  # Dask forgets the jobs of lost workers
    assert workers.have_ended() is ended


def test_a_queue_that_does_not_answer_says_nothing_about_jobs(cluster: ModuleType, queue: Path) -> None:
    assert not queue.exists()  # so that `squeue` fails
    jobs = {"cpu-0": SimpleNamespace(job_id="7")}
    assert not cluster.Workers(SimpleNamespace(workers=jobs, scheduler_info={"workers": {}})).have_ended()


def test_a_command_without_workers_loses_the_scheduler_and_ends_by_itself(
    cluster: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    closed = tmp_path / "closed"
    workers = SimpleNamespace(have_ended=lambda: True, disconnect=closed.touch)
    monkeypatch.setattr(cluster, "SECONDS_BETWEEN_CHECKS", 0.05)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert (
        cluster.run(["sh", "-c", f"until [ -e {shlex.quote(str(closed))} ]; do sleep 0.05; done; exit 3"], workers) == 3
    )
    assert "All jobs of workers have ended" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--job", "2"], "No such option"),
        (["--jobs", "0"], "give --jobs or --gpu-jobs"),
        (["--jobs", "-1"], "x>=0"),
        (["--memory", "lots"], "'lots' is not a size such as 4GiB"),
        (["--memory", "0"], "'0' is not a size"),
        (["--interface", "ib77"], "no interface 'ib77'; it has"),
        (["--port", "65536"], "0<=x<=65535"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(cluster: ModuleType, options: list[str], said: str) -> None:
    result = CliRunner().invoke(cluster.main, [*options, "--", "true"])
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
