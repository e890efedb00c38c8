"""Workers that others have started must run what the client runs: the same code, Python and packages."""

import importlib.metadata
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar

from distributed import Client, get_worker

from hypercolumns.errors import InputError
from hypercolumns.packages import ENGINE_PACKAGES, RECORDED_PACKAGES
from hypercolumns.scratch.digests import code_digest
from hypercolumns.trouble import TroubleError, explain_trouble

PACKAGES = (
    *RECORDED_PACKAGES,
    *(name for names in ENGINE_PACKAGES.values() for name in names),
    *("higra", "opencv-contrib-python-headless", "pycocotools", "scikit-learn", "scipy"),
    *("cloudpickle", "dask", "distributed"),
)
"""Packages that results, or the exchange with workers, depend on."""

_CODE = "hypercolumns"

Result = TypeVar("Result")


def differences(client: Client) -> dict[str, list[str]]:
    """List how each worker differs from this process, by its address; a worker that does not has an empty list.

    The scheduler is listed if it lacks the package, since it reads the calls on their way to the workers. All of it
    takes some milliseconds: nothing is imported but this module.
    """
    here = _installed()
    found = {address: _compare(here, there) for address, there in client.run(_installed, on_error="return").items()}
    try:
        client.run_on_scheduler(_installed)
    except Exception as error:  # whatever the import raises there
        found[client.scheduler.address] = _compare(here, error)
    return found


def require_same_workers(client: Client) -> None:
    """Refuse workers with other code, another Python or other packages than this process.

    Raises
    ------
    InputError
        Naming the first such worker and how it differs.
    """
    found = differences(client)
    differing = {address: complaints for address, complaints in found.items() if complaints}
    if differing:
        address, complaints = min(differing.items())
        name = "scheduler" if address == client.scheduler.address else "worker"
        raise InputError(
            f"compute.scheduler: the {name} {address} {', '.join(complaints)}. {len(differing)} of {len(found)} "
            "processes cannot be used, since results would depend on where they are computed. Start them in an "
            "environment with this commit and these packages; deploy/check_workers.py lists all differences."
        )


@contextmanager
def naming_blind_workers(client: Client) -> Iterator[None]:
    """Name a worker that does not see the current folder if an error leaves a `with` block, since that may be why.

    A file that such a worker cannot find is there for the client.
    """
    try:
        yield
    except (InputError, FileNotFoundError) as error:
        if (blind := _first_blind(client, Path.cwd())) is None:
            raise
        here = Path.cwd()
        raise InputError(
            f"{str(error).rstrip('.')}. The worker {blind} of compute.scheduler does not see the files in {here}. "
            "Mount that folder there at the same path, and check with deploy/check_workers.py; or set compute.storage."
        ) from None


def _first_blind(client: Client, folder: Path) -> str | None:
    """Address of a worker without a file at the path of a new one in a folder; None if there is none or no answer."""
    with suppress(Exception), NamedTemporaryFile(dir=folder, prefix=".seen-by-workers-") as file:
        seen = client.run(os.path.exists, file.name, on_error="return")
        return min((address for address, found in seen.items() if found is False), default=None)
    return None


def call_on_same_code(code: str, function: Callable[..., Result], *values: Any) -> Result:
    """Call a function on a worker, which may have joined after `require_same_workers`.

    Parameters
    ----------
    code
        The client's `code_digest()`.

    Raises
    ------
    InputError
        When the code of the worker differs.
    TroubleError
        In place of an error of the worker's computer; the client sees neither its disk nor what the error came from.
    """
    if code_digest() != code:
        raise InputError(
            f"compute.scheduler: the worker {get_worker().address}, which joined during the run, has another version "
            "of hypercolumns. Start it with this commit, and run again: finished work is kept."
        )
    try:
        return function(*values)
    except (InputError, FileNotFoundError):  # a caller may do without the file
        raise
    except Exception as error:
        if paragraph := explain_trouble(error):
            raise TroubleError(paragraph) from None
        raise


def _installed() -> dict[str, str | None]:
    """Digest of the code, and versions of Python and of packages, None for those that are missing."""
    major, minor, _ = platform.python_version_tuple()
    return {_CODE: code_digest(), "Python": f"{major}.{minor}", **{name: _version(name) for name in PACKAGES}}


def _version(package: str) -> str | None:
    try:
        # The part after the plus names the build, such as that for CUDA.
        return importlib.metadata.version(package).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None


def _compare(here: dict[str, str | None], there: dict[str, str | None] | Exception) -> list[str]:
    if isinstance(there, Exception):
        return [f"cannot import this version of hypercolumns ({there})"]
    found = []
    for name, version in here.items():
        if version is None or there[name] == version:
            continue
        if name == _CODE:
            found.append("has another version of hypercolumns")
        elif there[name] is None:
            found.append(f"lacks {name}")
        else:
            found.append(f"has {name} {there[name]} instead of {version}")
    return found
