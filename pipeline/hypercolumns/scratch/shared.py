"""Where workers share unfinished work with each other and with the client."""

from pathlib import Path

from hypercolumns.parameters import ComputeParameters
from hypercolumns.places.place import Place, place_at

SCRATCH = "scratch"
"""Folder below the address of an object store."""


def shared_scratch(storage: Place | None, scratch: Path) -> Place:
    """Place of shared work: in the object store if there is one, else the scratch folder, which workers must see."""
    return place_at(scratch) if storage is None else storage.below(SCRATCH)


def storage_of(compute: ComputeParameters) -> Place | None:
    """Place of `compute.storage`, the object store of a run; None without one."""
    return None if compute.storage is None else place_at(compute.storage)
