"""Workers in other processes and folders extract the bytes of one process, through a folder or through S3 alone."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.cluster.connection import connect
from hypercolumns.features import schema
from hypercolumns.features.extraction import extract
from hypercolumns.features.store import FeatureStore
from hypercolumns.parameters import ComputeParameters
from hypercolumns.places.place import place_at
from hypercolumns.stores.manifest import content_digest
from hypercolumns.stores.references import is_store_name
from tests.cluster.processes import cluster
from tests.features import extraction_case as case
from tests.object_store.faults import SLOW_DOWN, seeded
from tests.object_store.proxy import fault_proxy
from tests.object_store.server import S3Server

MODES = list(case.SHORT_SIDES)


def extracted(
    annotations: AnnotationSet,
    out: Path,
    scratch: Path,
    mode: str,
    client: Client | None = None,
    storage: str | None = None,
) -> str:
    """Extract the regions of the case, and return the digest of the store."""
    extract(
        case.make_regions(),
        annotations,
        case.make_backbone(),
        out,
        scratch=scratch,
        expansion=1.5,
        short_side=case.SHORT_SIDES[mode],
        compute=ComputeParameters(device="cpu", storage=storage),
        client=client,
    )
    return content_digest(out)


@pytest.fixture
def annotations(tmp_path: Path) -> AnnotationSet:
    (tmp_path / "photographs").mkdir()
    return case.write_photographs(tmp_path / "photographs")


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Shards of 64 regions, and a client of two workers that are threads of this process, which sees this too."""
    monkeypatch.setattr(schema, "SHARD_BYTES", 1)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as local,
        Client(local) as client,
    ):
        yield client


@pytest.mark.parametrize("mode", MODES)
def test_several_shards_have_the_bytes_of_one_process(
    annotations: AnnotationSet, small_shards: Client, mode: str, tmp_path: Path
) -> None:
    expected = extracted(annotations, tmp_path / "one.zarr", tmp_path / "scratch-one", mode)
    assert extracted(annotations, tmp_path / "two.zarr", tmp_path / "scratch-two", mode, small_shards) == expected
    assert len(list((tmp_path / "two.zarr/blocks").rglob("c/*/0/0/0"))) == 3 * len(case.LAYERS)


def test_only_missing_shards_are_written_again(
    annotations: AnnotationSet, small_shards: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hypercolumns.features import sharded

    expected = extracted(annotations, tmp_path / "one.zarr", tmp_path / "scratch-one", "warp")
    write, written = sharded._write, []

    def write_and_stop(shard: sharded._Shard, *arguments: object) -> object:
        if shard.number == 2 and 2 not in written:
            written.append(2)
            raise KeyError("stopped")
        written.append(shard.number)
        return write(shard, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sharded, "_write", write_and_stop)
    with pytest.raises(KeyError):
        extracted(annotations, tmp_path / "two.zarr", tmp_path / "scratch-two", "warp", small_shards)
    before = len(written)
    assert extracted(annotations, tmp_path / "two.zarr", tmp_path / "scratch-two", "warp", small_shards) == expected
    assert 1 <= len(written[before:]) < 3


@pytest.mark.parametrize("mode", MODES)
def test_workers_that_share_a_folder(annotations: AnnotationSet, mode: str, tmp_path: Path) -> None:
    expected = extracted(annotations, tmp_path / "one.zarr", tmp_path / "scratch-one", mode)
    with cluster(tmp_path / "elsewhere", 2) as address, connect(ComputeParameters(scheduler=address)) as client:
        assert extracted(annotations, tmp_path / "two.zarr", tmp_path / "scratch-two", mode, client) == expected


@pytest.mark.parametrize("mode", MODES)
def test_workers_that_share_an_object_store_alone(
    annotations: AnnotationSet, bucket: S3Server, mode: str, tmp_path: Path
) -> None:
    """The client uploads photographs and the rest of the store; its folders do not appear in what it sends."""
    expected = extracted(annotations, tmp_path / "one.zarr", tmp_path / "scratch-one", mode)
    out, scratch, storage = tmp_path / "two.zarr", tmp_path / "scratch-two", f"{bucket.url}/runs"
    with cluster(tmp_path / "elsewhere", 2) as address, connect(ComputeParameters(scheduler=address)) as client:
        assert extracted(annotations, out, scratch, mode, client, storage) == expected
    assert {file.name for file in out.iterdir()} == {"manifest.json", "address.json"}
    one, two = FeatureStore.open(tmp_path / "one.zarr"), FeatureStore.open(out)
    assert two.address.startswith(f"{storage}/features/two-")
    assert is_store_name(two.address.rpartition("/")[2])
    for store in (two, FeatureStore.open(two.address)):
        for layer in one.layers:
            np.testing.assert_array_equal(store.read(layer, slice(3, 90)), one.read(layer, slice(3, 90)))
    assert any(name.startswith("photographs/") for name in place_at(storage).sizes())
    assert b"SECRET" not in (out / "address.json").read_bytes().upper()


def test_faults_of_the_object_store_change_no_byte(
    annotations: AnnotationSet, bucket: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = extracted(annotations, tmp_path / "one.zarr", tmp_path / "scratch-one", "warp")
    with fault_proxy(bucket.endpoint) as proxy:
        proxy.plan = seeded(1, 0.3, [SLOW_DOWN], attempts=3)
        for name, value in bucket.at(proxy.endpoint).environment.items():
            monkeypatch.setenv(name, value)
        storage = f"{bucket.url}/faulty"
        assert (
            extracted(annotations, tmp_path / "two.zarr", tmp_path / "scratch-two", "warp", None, storage) == expected
        )
        assert proxy.injected
