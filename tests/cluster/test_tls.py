"""Client, scheduler and workers speak TLS with the settings of deploy/tls.env, and nobody else gets in."""

from collections.abc import Iterator
from pathlib import Path

import dask
import pytest

from hypercolumns.cluster.connection import connect
from hypercolumns.errors import InputError
from hypercolumns.parameters import ComputeParameters
from tests.cluster.certificates import certify, settings
from tests.cluster.processes import cluster


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return certify(tmp_path_factory.mktemp("tls") / "certificates")


@pytest.fixture(scope="module")
def address(certified: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a scheduler with one worker, all of it in processes started from the command line."""
    with cluster(tmp_path_factory.mktemp("cluster") / "processes", 1, certified) as address:
        yield address


def test_a_client_with_the_certificate_computes_on_the_worker(address: str, certified: dict[str, str]) -> None:
    assert address.startswith("tls://")
    with dask.config.set(settings(certified)), connect(ComputeParameters(scheduler=address)) as client:
        assert client.submit(abs, -3).result(timeout=10) == 3


def test_a_client_without_a_certificate_is_told_so_in_one_paragraph(address: str) -> None:
    with pytest.raises(InputError) as raised, connect(ComputeParameters(scheduler=address)):
        pass
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(f"compute.scheduler: no Dask scheduler answers at {address}: TLS expects")


def test_a_client_with_another_certificate_is_told_so_in_one_paragraph(address: str, tmp_path: Path) -> None:
    other = settings(certify(tmp_path / "other"))
    with (
        pytest.raises(InputError) as raised,
        dask.config.set(other),
        connect(ComputeParameters(scheduler=address)),
    ):
        pass
    assert "\n" not in str(raised.value)
    assert "TLS certificate does not match" in str(raised.value)


def test_local_workers_start_under_these_settings(certified: dict[str, str]) -> None:
    """The variables may stay in the environment for runs without a scheduler."""
    with dask.config.set(settings(certified)), connect(ComputeParameters(workers=1)) as client:
        assert client.submit(abs, -3).result(timeout=10) == 3
