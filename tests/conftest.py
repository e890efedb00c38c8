"""Finished pipelines, which are read only, and an object store: fixtures for several folders of tests."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from tests.object_store.server import S3Server, s3_server
from tests.trained_projects import TrainedProject, train_project


@pytest.fixture(scope="session")
def warped(tmp_path_factory: pytest.TempPathFactory) -> TrainedProject:
    """Regions are warped before the network, and masks lean on superpixels."""
    return train_project(tmp_path_factory.mktemp("warped"), "warp")


@pytest.fixture(scope="session")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> TrainedProject:
    """The network sees whole photographs, from whose maps regions are cut."""
    return train_project(tmp_path_factory.mktemp("pooled"), "image")


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """An S3 server, for tests to create buckets in.

    `make lowest` installs no moto: every release of it needs newer versions of what is tested there.
    """
    if find_spec("moto") is None:
        pytest.skip("moto is not installed")
    with s3_server() as server:
        yield server


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server with an empty bucket; the test's environment directs clients to it."""
    new = s3.with_new_bucket()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in new.environment.items():
        monkeypatch.setenv(name, value)
    return new
