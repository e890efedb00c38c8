"""`deploy/check_workers.py` accepts workers like those that the pipeline starts, and names what differs."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner
from distributed import Client

from hypercolumns.cluster import checking
from hypercolumns.cluster.connection import connect
from hypercolumns.parameters import ComputeParameters
from tests.documents import ROOT


@pytest.fixture(scope="module")
def checks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_workers", ROOT / "deploy/check_workers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with connect(ComputeParameters(workers=1)) as client:
        yield client


def test_workers_that_the_pipeline_starts_pass(checks: ModuleType, client: Client) -> None:
    assert list(checks.faults(client, ROOT / "params.yaml").values()) == [[]]


def test_another_folder_other_code_and_another_environment_are_named(
    checks: ModuleType, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("seed: 0\n")
    read = Path.read_bytes
    # What the client reads differs from what the worker reads: two folders of the same name.
    monkeypatch.setattr(Path, "read_bytes", lambda path: b"other" if path == file else read(path))
    monkeypatch.setitem(checks.WORKER_ENVIRONMENT, "OMP_NUM_THREADS", "2")
    monkeypatch.setattr(checking, "code_digest", lambda: "0" * 64)
    (found,) = checks.faults(client, file).values()
    assert found == [
        "has another version of hypercolumns",
        f"does not see this {file}",
        "has OMP_NUM_THREADS=1 instead of 2",
    ]


def test_another_folder_than_that_of_a_project_is_refused(
    checks: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(checks.main, ["tcp://127.0.0.1:9"])
    assert result.exit_code == 1
    assert result.output == f"Error: {tmp_path / 'params.yaml'} does not exist: run this in the project's folder.\n"
