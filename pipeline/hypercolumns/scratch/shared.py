"""Places of unfinished work that workers share with each other and with the client."""

import logging
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hypercolumns.parameters import ComputeParameters
from hypercolumns.places.bucket import PlaceError
from hypercolumns.places.place import Place, place_at
from hypercolumns.scratch.digests import key_digest

logger = logging.getLogger(__name__)

SCRATCH = "scratch"
"""Folder below the address of an object store."""


def shared_scratch(storage: Place | None, scratch: Path) -> Place:
    """Place of shared work: in the object store if there is one, else the scratch folder, which workers must see."""
    return place_at(scratch) if storage is None else storage.below(SCRATCH)


def storage_of_workers(compute: ComputeParameters) -> str | None:
    """Address through which workers and client share work; None if they see the scratch folder, as local ones do."""
    return None if compute.scheduler is None else compute.storage


def place_of_workers(compute: ComputeParameters) -> Place | None:
    """Place at `storage_of_workers`."""
    address = storage_of_workers(compute)
    return None if address is None else place_at(address)


def shared_work(storage: Place | None, folder: Path, step: str) -> Place:
    """Place of what workers share only until the work of a step that `scratch.work.work` keeps in `folder` is done.

    In an object store its name depends on the folder and on the machine: two runs that do the same work elsewhere do
    not delete each other's files, and a run that resumes finds what it has to delete.
    """
    if storage is None:
        return place_at(folder / "shared")
    name = key_digest({"machine": platform.node(), "folder": str(folder.resolve())})
    return shared_scratch(storage, folder).below(f"{step}/{name}")


@contextmanager
def removed_afterwards(remove: Callable[[], None]) -> Iterator[None]:
    """Call a function that deletes shared work after a `with` block, also after an error.

    If the object store does not answer then, that is logged, and neither a result nor the first error is lost.
    """
    try:
        yield
    finally:
        try:
            remove()
        except PlaceError as error:
            logger.warning("Shared work was not deleted: %s", error)
