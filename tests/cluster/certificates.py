"""Certificates for tests of TLS, and Dask's settings that use them."""

from pathlib import Path

import dask
from distributed import Security

from tests.documents import ROOT
from tests.environment_files import read_environment


def certify(folder: Path) -> dict[str, str]:
    """Make a certificate and its key, and the environment variables that name them."""
    folder.mkdir()
    made = Security.temporary()
    (folder / "cert.pem").write_text(made.tls_ca_file)
    (folder / "key.pem").write_text(made.tls_client_key)
    return read_environment(ROOT / "deploy/tls.env", {"TLS": str(folder)})


def settings(environment: dict[str, str]) -> dict[str, object]:
    """Dask's configuration, by key, of a process with these environment variables."""
    names = {name: name.removeprefix("DASK_").lower().replace("__", ".").replace("_", "-") for name in environment}
    collected = dask.config.collect_env(environment)
    return {key: dask.config.get(key, config=collected) for key in names.values()}
