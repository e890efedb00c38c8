"""`hypercolumns gc` deletes what no project refers to, when it is asked to, and never a store that one refers to."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from hypercolumns.cli.main import main
from hypercolumns.features.store import FeatureStore
from hypercolumns.places.bucket import _connect
from hypercolumns.places.place import place_at
from hypercolumns.scratch.work import locked
from hypercolumns.stores.references import FEATURES, move_to_object_store, place_of
from tests.documents import ROOT
from tests.object_store.faults import Fault, Request
from tests.object_store.proxy import fault_proxy
from tests.object_store.server import S3Server
from tests.stores import golden_content

DENIED = Fault("403", "error", forwards=False, status=403, code="AccessDenied")


@pytest.fixture
def storage(bucket: S3Server) -> str:
    return f"{bucket.url}/runs"


@pytest.fixture
def project(tmp_path: Path, storage: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, a project that refers to one store; another store has no reference."""
    folder = tmp_path / "project"
    store(folder / "data/features/train.zarr", storage)
    store(tmp_path / "elsewhere/unused.zarr", storage)
    monkeypatch.chdir(folder)
    return folder


def store(path: Path, storage: str) -> str:
    """Put the golden feature store below an address, with a reference to it at `path`; return its name."""
    shutil.copytree(golden_content.GOLDEN / "features.zarr", path)
    move_to_object_store(path, storage, FEATURES)
    return place_of(path).address.rpartition("/")[2]


def gc(address: str, *options: str, days: float = 0) -> Result:
    return CliRunner().invoke(main, ["gc", address, f"--older-than={days}", *options])


def names(storage: str) -> set[str]:
    """Stems of the stores that are there."""
    return {name.split("/")[1].rpartition("-")[0] for name in place_at(storage).sizes() if name.startswith(FEATURES)}


def assert_readable(path: Path) -> None:
    read = FeatureStore.open(path)
    for layer, expected in golden_content.blocks().items():
        np.testing.assert_array_equal(read.read(layer, slice(0, len(read))), expected)


def test_it_lists_and_deletes_only_when_asked(project: Path, storage: str) -> None:
    before = place_at(storage).sizes()
    unused = {name: size for name, size in before.items() if name.startswith("features/unused-")}
    total = f"{len(unused)} objects, {sum(unused.values()) / 1e6:.1f} MB"
    (name,) = {name.split("/")[1] for name in unused}
    listed = f"features/{name}: {total}\nKept: 1 store that projects refer to.\n"

    result = gc(storage)
    assert result.exit_code == 0
    assert result.output == f"{listed}Would delete {total}. Run again with --delete to do so.\n"
    assert place_at(storage).sizes() == before

    result = gc(storage, "--delete")
    assert result.output == f"{listed}Deleted {total}.\n"
    assert place_at(storage).sizes() == {name: size for name, size in before.items() if name not in unused}
    assert_readable(project / "data/features/train.zarr")
    assert "Nothing to delete." in gc(storage, "--delete").output


@pytest.mark.usefixtures("project")
def test_what_was_just_written_is_kept_unless_asked(storage: str) -> None:
    result = gc(storage, "--delete", days=1)
    assert "1 written to too recently (--older-than 1)" in result.output
    assert names(storage) == {"train", "unused"}


@pytest.mark.usefixtures("project")
def test_every_project_that_is_named_keeps_its_stores(storage: str, tmp_path: Path) -> None:
    """The address may be written with another slash at its end."""
    store(tmp_path / "second/runs/data/features/second.zarr", storage)
    assert gc(f"{storage}/", "--project=.", f"--project={tmp_path / 'second'}", "--delete").exit_code == 0
    assert names(storage) == {"train", "second"}


def test_a_folder_of_data_that_is_a_link_is_searched(project: Path, storage: str, tmp_path: Path) -> None:
    (project / "data").rename(tmp_path / "large-disk")
    (project / "data").symlink_to(tmp_path / "large-disk")
    (tmp_path / "large-disk/again").symlink_to(tmp_path / "large-disk")
    gc(storage, "--delete")
    assert names(storage) == {"train"}


@pytest.mark.parametrize("cache", [None, "../shared-cache"])
def test_older_versions_in_the_cache_of_dvc_are_kept(project: Path, storage: str, cache: str | None) -> None:
    def run(*command: str) -> None:
        subprocess.run(command, cwd=project, check=True, capture_output=True)  # noqa: S603

    dvc = (sys.executable, "-m", "dvc")
    run("git", "init")
    run(*dvc, "init")
    if cache:
        run(*dvc, "config", "cache.dir", cache)
    run(*dvc, "add", "data/features")
    shutil.rmtree(project / "data/features")
    store(project / "data/features/newer.zarr", storage)

    assert gc(storage, "--delete").exit_code == 0
    assert names(storage) == {"train", "newer"}
    assert gc(storage, "--only-current", "--delete").exit_code == 0
    assert names(storage) == {"newer"}


def test_shared_work_is_deleted_only_with_its_option_and_other_files_never(project: Path, storage: str) -> None:
    place = place_at(storage)
    digest = "0123456789abcdef" * 4
    shared = {f"photographs/{digest}", f"scratch/propose-candidates/{digest[:16]}/{digest}"}
    shared |= {f"scratch/predict-{digest[:32]}/0/zarr.json"}
    others = {"features/notes.txt", "features/mine/zarr.json", "photographs/me.jpg", "scratch/todo/list.txt", "readme"}
    for name in shared | others:
        place.write(name, b"content")
    listed = ("photographs", "scratch/propose-candidates", f"scratch/predict-{digest[:32]}")
    gc(storage, "--delete")
    assert shared | others <= place.sizes().keys()
    result = gc(storage, "--delete", "--shared")
    assert all(f"\n{name}: 1 object, 0.0 MB\n" in f"\n{result.output}" for name in listed)
    assert not shared & place.sizes().keys()
    assert others <= place.sizes().keys()
    assert_readable(project / "data/features/train.zarr")


def test_an_interruption_leaves_no_half_of_a_store_that_counts_as_complete(
    project: Path, bucket: S3Server, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request deletes the manifest, and the second one, for the rest, is refused."""
    deletions = iter(range(100))

    def plan(request: Request) -> Fault | None:
        return DENIED if request.method == "POST" and next(deletions) > 0 else None

    with fault_proxy(bucket.endpoint, plan) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        _connect.cache_clear()
        result = gc(storage, "--delete")
    _connect.cache_clear()
    assert result.exit_code == 1
    assert result.output.splitlines()[-1].startswith(f"Error: {storage}/features/unused-")
    assert "Deleted" not in result.output

    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.endpoint)
    left = {name.split("/", 2)[2] for name in place_at(storage).sizes() if name.startswith("features/unused-")}
    assert left
    assert "manifest.json" not in left
    assert_readable(project / "data/features/train.zarr")
    assert gc(storage, "--delete").exit_code == 0
    assert names(storage) == {"train"}


def test_it_waits_for_a_run_and_keeps_what_that_has_published(project: Path, storage: str) -> None:
    with locked(project / ".scratch"):
        command = [sys.executable, "-m", "hypercolumns", "gc", storage, "--older-than=0", "--delete"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "pipeline")}
        process = subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        waiting = process.stderr.readline()
        time.sleep(0.2)
        assert names(storage) == {"train", "unused"}
        store(project / "data/features/latest.zarr", storage)
    output, _ = process.communicate(timeout=60)
    assert "is in use by" in waiting
    assert "Deleted" in output
    assert names(storage) == {"train", "latest"}


@pytest.mark.parametrize(
    "address", ["data", "https://bucket.example/runs", "ftp://bucket/runs", "s3://KEY:word@b/runs"]
)
@pytest.mark.usefixtures("project")
def test_what_is_not_an_address_of_an_object_store_is_refused(address: str) -> None:
    result = gc(address, "--delete")
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    assert "word" not in result.output


@pytest.mark.parametrize("way", ["S3://{}", "https://bucket.s3.amazonaws.com/{}"])
def test_other_ways_to_write_an_address_keep_its_store(way: str, project: Path, storage: str) -> None:
    store(project / "data/features/val.zarr", storage)
    reference = project / "data/features/val.zarr/address.json"
    content = json.loads(reference.read_text())
    content["address"] = way.format(content["address"].removeprefix("s3://"))
    reference.write_text(json.dumps(content))
    assert gc(storage, "--delete").exit_code == 0
    assert names(storage) == {"train", "val"}


@pytest.mark.parametrize("damage", ["empty", "folder", "reference", "no address", "lock", "half cached", "not locked"])
def test_a_project_whose_stores_are_unknown_is_refused(
    damage: str, project: Path, storage: str, tmp_path: Path
) -> None:
    """Otherwise all stores would be deleted."""
    (tmp_path / "empty").mkdir()
    folder = {"empty": tmp_path / "empty", "folder": tmp_path / "none"}.get(damage, project)
    if damage == "reference":
        (project / "data/features/train.zarr/address.json").write_text("{")
    if damage == "no address":
        # The other split keeps the project from looking as if it did not use the address at all.
        store(project / "data/features/val.zarr", storage)
        (project / "data/features/val.zarr/address.json").unlink()
    if damage in ("lock", "half cached"):
        outs = [{"path": "data/features/val.zarr", "md5": f"{'0' * 32}.dir"}]
        (project / "dvc.lock").write_text(json.dumps({"stages": {"extract": {"outs": outs}}}))
    if damage == "half cached":  # the list of the files of the reference, and not the files
        init = [sys.executable, "-m", "dvc", "init", "--no-scm"]
        subprocess.run(init, cwd=project, check=True, capture_output=True)  # noqa: S603
        listed = project / ".dvc/cache/files/md5/00" / f"{'0' * 30}.dir"
        listed.parent.mkdir(parents=True)
        listed.write_text(json.dumps([{"md5": "1" * 32, "relpath": "address.json"}]))
    if damage == "not locked":
        (project / "dvc.lock").write_text("stages: [")
    result = gc(storage, f"--project={folder}", "--delete")
    assert result.exit_code == 1
    assert (
        str(folder) in result.output or "address.json is damaged" in result.output or "nor zarr.json" in result.output
    )
    assert "Traceback" not in result.output
    assert names(storage) >= {"train", "unused"}
    assert not (folder / ".scratch").exists()
