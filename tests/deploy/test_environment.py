"""Workers that users start have the environment of those that the pipeline starts."""

import subprocess

from hypercolumns.cluster.workers import WORKER_ENVIRONMENT
from tests.documents import ROOT
from tests.environment_files import read_environment


def test_the_environment_file_has_the_variables_of_local_workers() -> None:
    assert read_environment(ROOT / "deploy/workers.env") == WORKER_ENVIRONMENT


def test_a_shell_exports_the_environment_file() -> None:
    command = ["bash", "-c", "set -eua; source deploy/workers.env; set +a; env"]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603
    assert set(output.splitlines()) >= {f"{name}={value}" for name, value in WORKER_ENVIRONMENT.items()}
