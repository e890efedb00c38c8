"""A worker that is killed costs time and no byte; a task that always kills its worker ends in one paragraph."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from distributed import Client

from hypercolumns.cluster import losses
from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.mapping import map_unordered
from hypercolumns.errors import InputError
from hypercolumns.parameters import ComputeParameters, Parameters
from hypercolumns.scratch.digests import digest
from hypercolumns.steps import propose
from hypercolumns.workspace import Workspace
from tests.cluster.processes import Processes, cluster
from tests.proposals.scenes_for_proposals import annotate

NO_RETRIES = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}


def run_fatal_task(client: Client) -> None:
    """Compute some tasks, one of which ends its process, as the system does when memory is full."""

    def fatal(number: int) -> int:  # here, so that a scheduler without the tests can read it
        if number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    list(map_unordered(client, fatal, range(4)))


def take_cancelled_result(client: Client) -> None:
    future = client.submit(time.sleep, 0.5)
    future.cancel()
    future.result()


def test_a_task_that_kills_local_workers_ends_in_one_paragraph() -> None:
    with pytest.raises(InputError) as raised, connect(ComputeParameters(workers=1)) as client:
        run_fatal_task(client)
    message = str(raised.value)
    assert "(fatal)" in message
    assert "4 times" in message
    assert all(word in message for word in ("memory", "compute.workers", "Finished work is kept"))
    assert "\n" not in message


def test_a_task_that_kills_the_workers_of_a_scheduler_ends_in_one_paragraph(tmp_path: Path) -> None:
    with (
        cluster(tmp_path / "cluster", 2, NO_RETRIES) as address,
        pytest.raises(InputError) as raised,
        connect(ComputeParameters(scheduler=address)) as client,
    ):
        run_fatal_task(client)
    message = str(raised.value)
    assert all(word in message for word in (address, "memory", "--memory-limit", "Finished work is kept"))
    assert "\n" not in message


def test_a_result_that_is_cancelled_ends_in_one_paragraph() -> None:
    with (
        pytest.raises(InputError, match=r"went away\. Finished work is kept"),
        connect(ComputeParameters(workers=1)) as client,
    ):
        take_cancelled_result(client)


def test_workers_whose_memory_stays_full_end_a_stage_in_one_paragraph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "PAUSED_SECONDS", 2.0)
    always_full = {"DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE": "0.000001"}
    with (
        cluster(tmp_path / "cluster", 2, always_full) as address,
        pytest.raises(InputError) as raised,
        connect(ComputeParameters(scheduler=address)) as client,
    ):
        list(map_unordered(client, time.sleep, [60] * 20))
    message = str(raised.value)
    assert "memory of all 2 workers" in message
    assert all(word in message for word in (address, "--memory-limit", "Finished work is kept"))
    assert "\n" not in message


def test_a_stage_that_waits_for_new_workers_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(losses, "PAUSED_SECONDS", 1.0)
    processes = Processes(tmp_path / "cluster")
    try:
        processes.start_worker()
        with connect(ComputeParameters(scheduler=processes.address())) as client:
            calls = client.map(time.sleep, [0.2] * 3, pure=False)
            processes.kill_workers()
            deadline = time.monotonic() + 60
            while "no workers any more" not in caplog.text and time.monotonic() < deadline:
                time.sleep(0.1)
            assert caplog.text.count("no workers any more") == 1
            processes.start_worker()
            client.gather(calls)
    finally:
        processes.kill_workers()
        processes.kill_scheduler()


def test_a_stage_continues_with_the_same_bytes_when_a_local_worker_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is replaced, and what it was computing is computed again."""
    (tmp_path / "images").mkdir()
    sets = {"train": annotate(tmp_path / "images", range(40)), "val": annotate(tmp_path / "images", range(50, 55))}
    parameters = Parameters.model_validate(
        {
            "proposals": {"superpixel_scale": 20.0, "minimum_area": 40, "max_per_image": 60, "learning_images": 4},
            "compute": {"workers": 2},
        }
    )

    def proposed(name: str) -> str:
        workspace = Workspace.at(tmp_path / name)
        for split, annotations in sets.items():
            annotations.save(workspace.annotations(split))  # type: ignore[arg-type]
        propose.propose_regions(parameters, workspace)
        return digest(workspace.data / "proposals")

    expected = proposed("undisturbed")
    killed: list[int] = []

    @contextmanager
    def disturbed(*arguments: object) -> Iterator[Client]:
        with connect(*arguments) as client:  # type: ignore[arg-type]
            pids = sorted(client.run(os.getpid).values())
            killer = threading.Thread(target=kill_during_work, args=(pids[0], tmp_path / "disturbed/.scratch", killed))
            killer.start()
            yield client
            killer.join()
            assert pids[0] not in client.run(os.getpid).values()

    monkeypatch.setattr(propose, "connect", disturbed)
    assert proposed("disturbed") == expected
    assert killed


def kill_during_work(pid: int, scratch: Path, killed: list[int]) -> None:
    """Kill a process once the first proposals are kept."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if any(file.is_file() for file in (scratch / "propose-proposals").rglob("*")):
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
            return
        time.sleep(0.005)
