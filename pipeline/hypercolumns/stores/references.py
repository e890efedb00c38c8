"""A store whose files lie elsewhere: a folder with its manifest and with the address, as DVC tracks it."""

import json
from pathlib import Path

from hypercolumns.errors import InputError
from hypercolumns.input_files import read_bytes
from hypercolumns.places.place import Place, is_address, place_at
from hypercolumns.stores.manifest import NAME as MANIFEST

REFERENCE = "address.json"
"""Name of the file with the address, beside the manifest."""

SCHEMA = "hypercolumns-address/1"

_LARGEST = 1 << 16


def place_of(path: Path | str) -> Place:
    """Find the place of the files of the store at a path or an address.

    Raises
    ------
    InputError
        If the file that gives the address is damaged, or the address cannot be used.
    """
    if is_address(str(path)):
        return place_at(path)
    reference = Path(path) / REFERENCE
    try:
        content = json.loads(read_bytes(reference, _LARGEST))
    except (FileNotFoundError, NotADirectoryError):
        return place_at(path)
    except (OSError, ValueError, RecursionError):
        content = None
    address = content.get("address") if isinstance(content, dict) and content.get("schema") == SCHEMA else None
    if not isinstance(address, str) or not is_address(address):
        raise InputError(f"{reference} is damaged: it does not give the address of a store.")
    return place_at(address)


def is_reference(path: Path) -> bool:
    """Whether the store at a path only says where its files lie."""
    return (path / REFERENCE).exists()


def write_reference(path: Path, place: Place, manifest: bytes) -> None:
    """Make the folder that refers to the store at a place, whose manifest has this content."""
    path.mkdir(parents=True, exist_ok=True)
    (path / MANIFEST).write_bytes(manifest)
    (path / REFERENCE).write_text(json.dumps({"schema": SCHEMA, "address": place.address}, indent=1) + "\n")
