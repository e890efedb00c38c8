"""Check in the project's folder that the workers of a scheduler run the same code and see the same files."""

import os
import sys
from pathlib import Path

import click
from distributed import Client

# The code that the stages of this checkout run, even when another version is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pipeline"))

from hypercolumns.cluster.checking import differences
from hypercolumns.cluster.connection import connect_to_scheduler
from hypercolumns.cluster.workers import WORKER_ENVIRONMENT
from hypercolumns.errors import InputError


def faults(client: Client, parameters: Path) -> dict[str, list[str]]:
    """List what is wrong with each worker, by its address.

    Parameters
    ----------
    parameters
        Absolute path of a file that the workers must see.
    """
    content = parameters.read_bytes()
    threads = client.nthreads()
    found = differences(client)
    states = client.run(_state, str(parameters), list(WORKER_ENVIRONMENT))
    for address in states.keys() & threads.keys() & found.keys():  # workers come and go
        worker_content, environment = states[address]
        complaints = {
            f"does not see this {parameters}": worker_content != content,
            f"has {threads[address]} threads instead of one": threads[address] != 1,
        }
        for name, value in WORKER_ENVIRONMENT.items():
            has = f"has {name}={environment[name]}" if environment[name] is not None else f"lacks {name}"
            complaints[f"{has} instead of {value}"] = environment[name] != value
        found[address] += [complaint for complaint, holds in complaints.items() if holds]
    return found


def _state(path: str, variables: list[str]) -> tuple[bytes | None, dict[str, str | None]]:
    """Content of a file, and the environment variables of these names, of the worker that this runs on."""
    content = Path(path).read_bytes() if Path(path).exists() else None
    return content, {name: os.environ.get(name) for name in variables}


@click.command()
@click.argument("scheduler")
def main(scheduler: str) -> None:
    """Print what is wrong with the workers of SCHEDULER, its address; exit with 1 if anything is."""
    parameters = Path("params.yaml").absolute()
    if not parameters.is_file():
        raise click.ClickException(f"{parameters} does not exist: run this in the project's folder.")
    try:
        with connect_to_scheduler(scheduler) as client:
            found = faults(client, parameters)
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
