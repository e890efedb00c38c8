"""Where workers share unfinished work with each other and with the client."""

from pathlib import Path

from hypercolumns.places.place import Place, place_at

SCRATCH = "scratch"
"""Folder below the address of an object store."""


def shared_scratch(storage: Place | None, scratch: Path) -> Place:
    """Place of shared work: in the object store if there is one, else the scratch folder, which workers must see."""
    return place_at(scratch) if storage is None else storage.below(SCRATCH)
