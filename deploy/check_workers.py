"""Check in the project's folder that the workers of a scheduler run the same code and see the same files."""

import os
import sys
from pathlib import Path

import click
from distributed import Client

# The code that the stages of this checkout run, even when another version is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pipeline"))

from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.workers import WORKER_ENVIRONMENT
from hypercolumns.errors import InputError
from hypercolumns.parameters import ComputeParameters
from hypercolumns.scratch.digests import code_digest

PACKAGES = ["torch", "onnxruntime", "sklearn", "higra", "cv2", "zarr"]
"""Packages whose versions are compared, beside those that Dask compares."""


def faults(client: Client, code: str, parameters: Path) -> dict[str, list[str]]:
    """List what is wrong with each worker, by its address.

    Parameters
    ----------
    code
        Digest of the package's code here.
    parameters
        Absolute path of a file that the workers must see.
    """
    content = parameters.read_bytes()
    versions = client.get_versions(packages=PACKAGES)
    expected = versions["client"]["packages"]
    threads = client.nthreads()
    found: dict[str, list[str]] = {}
    for address, (worker_code, worker_content, environment) in client.run(_state, str(parameters)).items():
        packages = versions["workers"][address]["packages"]
        complaints = {
            "has another version of hypercolumns": worker_code != code,
            f"does not see this {parameters}": worker_content != content,
            f"has {threads[address]} threads instead of one": threads[address] != 1,
        }
        for name, version in packages.items():
            complaints[f"has {name} {version} instead of {expected[name]}"] = version != expected[name]
        for name, value in WORKER_ENVIRONMENT.items():
            complaints[f"has {name}={environment[name]} instead of {value}"] = environment[name] != value
        found[address] = [complaint for complaint, holds in complaints.items() if holds]
    return found


def _state(path: str) -> tuple[str, bytes | None, dict[str, str | None]]:
    """Digest of the code, content of a file and environment of the worker that this runs on."""
    content = Path(path).read_bytes() if Path(path).exists() else None
    return code_digest(), content, {name: os.environ.get(name) for name in WORKER_ENVIRONMENT}


@click.command()
@click.argument("scheduler")
def main(scheduler: str) -> None:
    """Print what is wrong with the workers of SCHEDULER, its address; exit with 1 if anything is."""
    try:
        with connect(ComputeParameters(scheduler=scheduler)) as client:
            found = faults(client, code_digest(), Path("params.yaml").absolute())
    except InputError as error:
        raise click.ClickException(str(error)) from None
    for address, complaints in found.items():
        for complaint in complaints:
            click.echo(f"{address}: {complaint}")
    if any(found.values()):
        raise SystemExit(1)
    click.echo(f"Workers that run this code and see this folder: {len(found)}")


if __name__ == "__main__":
    main()
