"""A scheduler with a worker that runs something else is refused at once, in one paragraph that names the worker."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from distributed import Client

from hypercolumns.cluster import mapping
from hypercolumns.cluster.checking import differences
from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.mapping import map_in_order
from hypercolumns.errors import InputError
from hypercolumns.parameters import ComputeParameters
from tests.cluster.processes import cluster
from tests.documents import ROOT

BLOCK = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name == "hypercolumns":
            raise ModuleNotFoundError("No module named 'hypercolumns'")

sys.meta_path.insert(0, Block())
"""


BLIND = """
import genericpath

exists = genericpath.exists
genericpath.exists = lambda path: ".seen-by-workers-" not in str(path) and exists(path)
"""


def other_code(folder: Path) -> None:
    package = folder / "hypercolumns"
    shutil.copytree(ROOT / "pipeline/hypercolumns", package, ignore=shutil.ignore_patterns("__pycache__"))
    with (package / "regions/boxes.py").open("a") as file:
        file.write("\n")


def other_package(folder: Path) -> None:
    (folder / "torch-1.13.0.dist-info").mkdir(parents=True)
    (folder / "torch-1.13.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 1.13.0\n")


def no_package(folder: Path) -> None:
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BLOCK)


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (other_code, "has another version of hypercolumns"),
        (other_package, "has torch 1.13.0 instead of "),
        (no_package, "cannot import this version of hypercolumns"),
    ],
)
def test_a_worker_that_differs_is_named(prepare: Callable[[Path], None], expected: str, tmp_path: Path) -> None:
    prepare(tmp_path / "other")
    with cluster(tmp_path / "cluster", 1, others=[tmp_path / "other"]) as address:
        with Client(address) as client:
            client.wait_for_workers(2)
            found = differences(client)
        with pytest.raises(InputError) as raised, connect(ComputeParameters(scheduler=address)):
            pass
    (differing,) = (worker for worker, complaints in found.items() if complaints)
    assert len(found) == 2
    assert [expected in complaint for complaint in found[differing]] == [True]
    assert str(raised.value).startswith(f"compute.scheduler: the worker {differing} {expected}")
    assert "1 of 2 processes cannot be used" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_workers_that_do_not_differ_are_accepted(tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster", 2) as address, Client(address) as client:
        client.wait_for_workers(2)
        assert list(differences(client).values()) == [[], []]


def test_a_worker_that_joined_with_other_code_refuses_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "code_digest", lambda: "other")
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        (address,) = client.nthreads()
        with pytest.raises(InputError, match=f"the worker {address}, which joined .* has another version"):
            list(map_in_order(client, abs, [(-1,)]))


def test_a_scheduler_without_the_package_is_named(tmp_path: Path) -> None:
    """It reads the calls on their way to the workers."""
    no_package(tmp_path / "other")
    (tmp_path / "code").mkdir()
    (tmp_path / "code/hypercolumns").symlink_to(ROOT / "pipeline/hypercolumns")
    (tmp_path / "code/sitecustomize.py").touch()  # hides the other one
    variables = {"PYTHONPATH": str(tmp_path / "other")}
    with (
        cluster(tmp_path / "cluster", 0, variables, others=[tmp_path / "code"]) as address,
        pytest.raises(InputError, match=f"the scheduler {address} cannot import this version of hypercolumns"),
        connect(ComputeParameters(scheduler=address)),
    ):
        pass


@pytest.mark.parametrize("sees", [True, False])
def test_a_worker_that_does_not_see_the_folder_is_named(
    sees: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of its call says that a file is missing, which the client sees."""
    if not sees:
        (tmp_path / "other").mkdir()
        (tmp_path / "other/sitecustomize.py").write_text(BLIND)  # a mount of its own needs privileges
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    others = [] if sees else [tmp_path / "other"]
    with (
        cluster(tmp_path / "cluster", 1, others=others) as address,
        pytest.raises((InputError, FileNotFoundError)) as raised,
        connect(ComputeParameters(scheduler=address)) as client,
    ):
        client.submit(Path("/none/a.jpg").read_bytes).result()
    assert "/none/a.jpg" in str(raised.value)
    assert (f"does not see the files in {tmp_path}" in str(raised.value)) == (not sees)
    assert list(Path().iterdir()) == []
