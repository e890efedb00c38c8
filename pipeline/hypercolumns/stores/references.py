"""A store whose files lie elsewhere: a folder with its manifest and with the address, as DVC tracks it."""

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hypercolumns.errors import InputError
from hypercolumns.input_files import read_bytes
from hypercolumns.places.atomic import PART
from hypercolumns.places.bucket import REQUESTS_AT_ONCE
from hypercolumns.places.place import Place, is_address, place_at
from hypercolumns.scratch.publishing import publish
from hypercolumns.stores.manifest import NAME as MANIFEST
from hypercolumns.stores.manifest import content_digest

REFERENCE = "address.json"
"""Name of the file with the address, beside the manifest."""

SCHEMA = "hypercolumns-address/1"

FEATURES, PROPOSALS = "features", "proposals"
"""Folders of stores below the address of an object store."""

LARGEST_REFERENCE = 1 << 12
"""In bytes; the longest name of an object has 1024."""
_STORE_NAME = re.compile(r".+-[0-9a-f]{32}")


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
        content = read_bytes(reference, LARGEST_REFERENCE)
    except (FileNotFoundError, NotADirectoryError):
        return place_at(path)
    except OSError:
        content = b""
    address = parse_reference(content)
    if address is None:
        raise InputError(f"{reference} is damaged: it does not give the address of a store.")
    try:
        return place_at(address)
    except InputError as error:
        raise InputError(f"{reference} is damaged: {error}") from None


def parse_reference(content: bytes) -> str | None:
    """Parse the file that gives the address of a store; None if it does not."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    address = found.get("address") if isinstance(found, dict) and found.get("schema") == SCHEMA else None
    return address if isinstance(address, str) and is_address(address) else None


def is_reference(path: Path) -> bool:
    """Whether the store at a path only says where its files lie."""
    return (path / REFERENCE).exists()


def is_complete_at(place: Place) -> bool:
    """Whether a complete store lies at a place in an object store, where the manifest is written last."""
    return MANIFEST in place.sizes([MANIFEST])


def upload(folder: Path, place: Place) -> None:
    """Copy the files of a folder, which has the manifest of a store, to the place of the store; the manifest is last.

    Raises
    ------
    InputError
        If another store lies there.
    """
    manifest = (folder / MANIFEST).read_bytes()
    files = [file for file in folder.rglob("*") if file.is_file() and file != folder / MANIFEST]

    def copy(file: Path) -> None:
        place.write(file.relative_to(folder).as_posix(), file.read_bytes())

    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        list(pool.map(copy, files))
    if not place.create(MANIFEST, manifest):
        raise InputError(f"Another run has written another store at {place.address}. Delete it, and run again.")


def publish_reference(place: Place, out: Path) -> None:
    """Make a folder at `out` that refers to the complete store at a place."""
    draft = out.with_name(f".{out.name}{PART}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    (draft / MANIFEST).write_bytes(place.read(MANIFEST))
    (draft / REFERENCE).write_text(json.dumps({"schema": SCHEMA, "address": place.address}, indent=1) + "\n")
    publish(draft, out)


def is_store_name(name: str) -> bool:
    """Whether a folder below `FEATURES` or `PROPOSALS` has a name of a store, which ends in 32 digits of a digest."""
    return _STORE_NAME.fullmatch(name) is not None


def move_to_object_store(path: Path, storage: str | None, kind: str) -> None:
    """Move the store at `path` below an address, and leave a folder that refers to it; without an address do nothing.

    Parameters
    ----------
    kind
        `FEATURES` or `PROPOSALS`. The name of the store there depends on its content alone.

    Raises
    ------
    InputError
        If the address cannot be used.
    PlaceError
        If the object store cannot be reached, or refuses.
    """
    if storage is None:
        return
    place = place_at(storage).below(f"{kind}/{path.stem}-{content_digest(path)[:32]}")
    if not is_complete_at(place):
        upload(path, place)
    publish_reference(place, path)
