"""An object store that cannot be used ends a command in one paragraph."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from hypercolumns.cli.main import main
from hypercolumns.errors import InputError
from hypercolumns.places.bucket import Bucket, PlaceError, _connect
from hypercolumns.stores.references import SCHEMA, place_of
from tests.object_store.faults import Fault, Request
from tests.object_store.proxy import fault_proxy
from tests.object_store.server import S3Server


def test_a_refused_connection_is_one_paragraph(bucket: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hypercolumns.places.bucket._ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    ran = CliRunner().invoke(main, ["inspect", f"{bucket.url}/none"])
    assert ran.exit_code == 1
    assert ran.output.startswith(f"Error: {bucket.url}/none")
    assert ran.output.count("\n") == 1


def test_credentials_in_an_address_are_refused_and_not_shown() -> None:
    ran = CliRunner().invoke(main, ["inspect", "s3://KEY:hunter2@bucket/none"])
    assert ran.exit_code == 1
    assert "hunter2" not in ran.output


@pytest.mark.parametrize(
    "address",
    [
        "s3://bucket/./runs",
        "s3://bucket/%2e%2E/runs",
        "s3://bucket/ru\nns",
        "s3://bucket/runs ",
        "s3://bucket//runs",
        "s3://bucket/a%2Fb",
        "s3://bucket:80/runs",
        "s3://bucket/\ud800",
        "https://bucket.example:99999/runs",
    ],
)
def test_an_address_that_means_what_another_one_does_is_refused(address: str) -> None:
    """What is deleted depends on which addresses are equal."""
    with pytest.raises(InputError, match=r"^[^\n]+\.$"):
        Bucket.at(address)


def test_the_scheme_is_written_in_lower_case() -> None:
    assert Bucket.at("S3://bucket/runs/") == Bucket.at("s3://bucket/runs")


@pytest.mark.parametrize(
    "request_to",
    [
        lambda place: place.read("name"),
        lambda place: place.read_ranges("name", [(0, 1)]),
        lambda place: place.sizes(),
        lambda place: place.write("name", b"content"),
        lambda place: place.create("name", b"content"),
    ],
)
def test_a_missing_bucket_is_not_a_missing_object(bucket: S3Server, request_to: Callable[[Bucket], object]) -> None:
    """What an object held would be computed again, and could not be written."""
    missing = Bucket.at(f"{bucket.url}-none/runs")
    with pytest.raises(PlaceError, match=f"there is no bucket {bucket.bucket}-none$"):
        request_to(missing)


@pytest.mark.parametrize("address", ["http://[fe80::1%25eth0]/runs", "az://container/runs"])
def test_an_address_that_no_environment_reaches_ends_at_once(address: str) -> None:
    ran = CliRunner().invoke(main, ["inspect", address])
    assert ran.exit_code == 1
    assert ran.output.startswith(f"Error: {address}")
    assert ran.output.count("\n") == 1


def test_the_file_that_gives_an_address_is_named(tmp_path: Path) -> None:
    reference = tmp_path / "address.json"
    reference.write_text(json.dumps({"schema": SCHEMA, "address": "s3://bucket/../x"}))
    with pytest.raises(InputError, match=rf"^{re.escape(str(reference))} is damaged: The address 's3://bucket/../x'"):
        place_of(tmp_path)


def test_a_refused_listing_ends_at_once(bucket: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = []

    def plan(request: Request) -> Fault:
        requests.append(request)
        return Fault("403", "error", forwards=False, status=403, code="AccessDenied")

    with fault_proxy(bucket.endpoint, plan) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        _connect.cache_clear()
        with pytest.raises(PlaceError, match="the object store refuses access"):
            Bucket.at(f"{bucket.url}/runs").objects()
    _connect.cache_clear()
    assert len(requests) == 1
