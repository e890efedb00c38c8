"""An object store that cannot be used ends a command in one paragraph."""

import pytest
from click.testing import CliRunner

from hypercolumns.cli.main import main
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
