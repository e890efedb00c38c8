"""Checks a store of any kind whole and lists all damage; the store may hold anything."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypercolumns.errors import InputError, counted
from hypercolumns.input_files import is_file, is_folder
from hypercolumns.places.folder import Folder
from hypercolumns.stores import definitions
from hypercolumns.stores.arrays import DamagedStoreError, StoredArray
from hypercolumns.stores.consistency import Content
from hypercolumns.stores.damage import Damage
from hypercolumns.stores.files import Files
from hypercolumns.stores.kinds import Kind, find_kind
from hypercolumns.stores.layout import ROOT
from hypercolumns.stores.manifest import NAME as MANIFEST
from hypercolumns.stores.manifest import DamagedManifestError, FileRecord, Manifest
from hypercolumns.stores.metadata import LARGEST_JSON, Metadata, read_json, schema_of
from hypercolumns.stores.references import is_reference, place_of
from hypercolumns.stores.shards import shard_faults
from hypercolumns.stores.writing import CODING_THREADS

_MOST_MISSING = 1000
"""Missing shards of an array that are listed one by one; metadata may claim any number."""

_MOST_FAULTS = 10
"""Faults of a file that its line lists, such as chunks that do not decode."""

Progress = Callable[[int], object]
"""Called with the number of bytes that were read since the last call, on any thread."""


@dataclass(frozen=True)
class Verification:
    """The result of `verify`."""

    path: Path
    kind: Kind | None
    """None if the metadata that says so is damaged."""
    damages: tuple[Damage, ...]
    """In the order of their places; none if the store is sound."""
    intact: Mapping[str, FileRecord]
    """Size and checksum of the files without damage of their own, by path below the folder."""
    n_files: int
    n_bytes: int

    @property
    def is_sound(self) -> bool:
        """Whether there is no damage."""
        return not self.damages


def find_stores(path: Path) -> list[Path]:
    """Find the store at `path`, or all stores below a folder; hidden folders and links to folders are left out.

    Raises
    ------
    InputError
        If there is none.
    """
    if not is_folder(path):
        raise InputError(f"{path} {'is not a folder' if is_file(path) else 'does not exist'}.")
    found, folders = [], [path]
    while folders:
        folder = folders.pop()
        if folder.suffix == ".zarr" or is_file(folder / ROOT) or is_file(folder / MANIFEST):
            found.append(folder)
            continue
        try:
            with os.scandir(folder) as entries:
                below = [e for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False)]
        except OSError as error:
            raise InputError(f"{folder} cannot be read: {error.strerror}.") from None
        folders += [Path(entry.path) for entry in below]
    if not found:
        raise InputError(f"{path} is not a store, and there is none below it.")
    return sorted(found)


def verify(path: Path, progress: Progress = lambda _: None) -> Verification:
    """Check the metadata, every file and every chunk of the store at `path`, and what its arrays have in common.

    Memory is bounded by a few chunks, whatever the metadata claims. Only files in the folder are read; links to files
    are followed, since DVC makes them, links to folders are not.

    Raises
    ------
    InputError
        If it is not a store, or one of another version, and that is not because its metadata is damaged.
    """
    if is_reference(path):
        return _verify_elsewhere(path, progress)
    files = Files.list(path)
    damages = [Damage.of_file(name, fault) for name, fault in files.faults.items()]
    records, faults = _read_manifest(path, files)
    damages += [Damage.of_file(MANIFEST, fault) for fault in faults]
    kind, metadata, faults = _read_root(path, files, records)
    damages += [Damage.of_file(ROOT, fault) for fault in faults]

    shards, unusable = _shards(metadata, len(files.sizes) + len(records or ()))
    damages += [Damage.of_array(name, fault) for name, fault in unusable.items()]
    known = set(files.sizes) if records is None else set(records)
    needed = {ROOT, *shards, *(f"{name}/{ROOT}" for name in (metadata.nodes if metadata else ()))}
    jobs = sorted((known | needed) - {MANIFEST})
    found: dict[str, tuple[FileRecord | None, list[str]]] = {}

    def examine(name: str) -> None:
        found[name] = _file_faults(path, files, name, records, shards.get(name), metadata, progress)

    with ThreadPoolExecutor(CODING_THREADS) as pool:
        list(pool.map(examine, jobs))
    unknown = _unknown(files, needed if metadata else set(), records)
    for name, fault in unknown:
        record, others = found.get(name, (None, []))
        found[name] = (record, [*others, fault])
    damages += [Damage.of_file(name, _joined(faults)) for name, (_, faults) in found.items() if faults]
    if kind and metadata:
        faulty = {*files.faults, *(name for name, (_, faults) in found.items() if faults)}
        spoilt = {shards[name][0].name for name in faulty & set(shards)}
        damages += _inconsistencies(kind, metadata, spoilt | set(unusable))
    intact = {name: record for name, (record, faults) in found.items() if record and not faults}
    return Verification(path, kind, tuple(sorted(set(damages))), intact, len(files.sizes), sum(files.sizes.values()))


def _verify_elsewhere(path: Path, progress: Progress) -> Verification:
    """Compare the files that a folder refers to with the checksums in its manifest, one after the other.

    Raises
    ------
    InputError
        If the manifest in the folder is missing or damaged, since nothing else says what the files should be.
    """
    place, intact, damages = place_of(path), {}, []
    try:
        records = {**Manifest.read(path).files, MANIFEST: FileRecord.measure(path / MANIFEST)}
    except (DamagedManifestError, OSError) as error:
        fault = error.fault if isinstance(error, DamagedManifestError) else "it is missing"
        raise InputError(f"{path} refers to {place}, but {MANIFEST}: {fault}. Run `dvc checkout {path}`.") from None
    for name, record in records.items():
        try:
            content = place.read(name)
        except FileNotFoundError:
            damages.append(Damage.of_file(name, "it is missing"))
            continue
        if FileRecord.of(content) == record:
            intact[name] = record
        else:
            damages.append(Damage.of_file(name, "its checksum does not match"))
        progress(len(content))
    kind = find_kind(schema_of(json.loads(place.read(ROOT)))) if ROOT in intact else None
    n_bytes = sum(record.size for record in records.values())
    return Verification(path, kind, tuple(sorted(damages)), intact, len(records), n_bytes)


def _read_manifest(path: Path, files: Files) -> tuple[Mapping[str, FileRecord] | None, list[str]]:
    """Records by file, None if the manifest is unusable, and its faults."""
    size = files.sizes.get(MANIFEST)
    if size is None:
        return None, ["it is missing"]
    try:
        if size > LARGEST_JSON:
            return None, [f"it has {size} bytes, more than the {LARGEST_JSON} that are read"]
        records = Manifest.read(path).files
        faults = list(definitions.faults("manifest", read_json(path / MANIFEST)))
    except DamagedManifestError as error:
        return None, [error.fault]
    except (OSError, ValueError) as error:
        return None, [str(error)]
    return records, faults


def _read_root(
    path: Path, files: Files, records: Mapping[str, FileRecord] | None
) -> tuple[Kind | None, Metadata | None, list[str]]:
    """Kind and metadata of a store, None where they cannot be told, and faults beside those of the file's bytes."""
    if ROOT not in files.sizes:
        if records is None and MANIFEST not in files.sizes and not files.faults:
            raise InputError(f"{path} is not a store: it has neither {ROOT} nor {MANIFEST}.")
        return None, None, []
    if records is not None and ROOT in records and records[ROOT].size != files.sizes[ROOT]:
        return None, None, []  # a fault that is found with those of other files
    is_as_written = True
    try:
        is_as_written = records is None or records.get(ROOT) == FileRecord.measure(path / ROOT)
        root = read_json(path / ROOT)
    except (OSError, ValueError) as error:
        return None, None, [str(error)] if is_as_written else []
    try:
        kind = find_kind(schema_of(root))
    except InputError as error:
        if is_as_written:
            raise InputError(f"{path} {error}") from None
        return None, None, []
    faults = list(definitions.faults(kind.definition, root))
    return kind, None if faults else Metadata.of(Folder(path), root), faults


def _shards(metadata: Metadata | None, n_files: int) -> tuple[dict[str, tuple[StoredArray, int]], dict[str, str]]:
    """Array and number of the shards that a store must have by file, and arrays whose shards cannot be told."""
    shards: dict[str, tuple[StoredArray, int]] = {}
    if metadata is None:
        return shards, {}
    faults = dict(metadata.faults)
    for name, array in metadata.arrays.items():
        n_shards = array.layout.n_shards(array.rows)
        if n_shards > n_files + _MOST_MISSING:
            faults[name] = f"its {array.rows} rows need {n_shards} shards, but the store has {n_files} files"
        else:
            shards |= {array.layout.file(name, shard): (array, shard) for shard in range(n_shards)}
    return shards, faults


def _joined(faults: list[str]) -> str:
    more = len(faults) - _MOST_FAULTS
    return "; ".join(faults[:_MOST_FAULTS]) + (f"; and {counted(more, 'more fault')}" if more > 0 else "")


def _file_faults(
    path: Path,
    files: Files,
    name: str,
    records: Mapping[str, FileRecord] | None,
    shard: tuple[StoredArray, int] | None,
    metadata: Metadata | None,
    progress: Progress,
) -> tuple[FileRecord | None, list[str]]:
    """Measure a file and list its faults."""
    size, record = files.sizes.get(name), (records or {}).get(name)
    if size is None:
        return None, [] if name in files.faults else ["it is missing"]
    if record is not None and size != record.size:  # unread, since it may be of any size
        return None, [f"it has {size} bytes instead of {record.size}"]
    faults = []
    try:
        measured = FileRecord.measure(path / name)
        if record is not None and measured != record:
            faults.append("its checksum does not match")
        if shard is not None:
            faults += shard_faults(*shard)
        elif name.endswith(f"/{ROOT}") and not faults and metadata:
            faults += _node_faults(path / name, metadata.nodes.get(name.removesuffix(f"/{ROOT}")))
    except (OSError, ValueError, MemoryError) as error:
        return None, [*faults, str(error) or type(error).__name__]
    progress(size)
    return measured, faults


def _node_faults(file: Path, expected: Mapping[str, Any] | None) -> Iterator[str]:
    """Compare the metadata of a group or array with that in the folder of the store, which readers use instead."""
    if expected is None:
        return
    node = read_json(file)
    if not isinstance(node, dict) or _without_copies(node) != _without_copies(expected):
        yield f"it differs from what {ROOT} of the store says about it"


def _without_copies(node: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of a node without what it repeats of the nodes below it."""
    return {key: value for key, value in node.items() if key != "consolidated_metadata"}


def _unknown(files: Files, needed: set[str], records: Mapping[str, FileRecord] | None) -> Iterable[tuple[str, str]]:
    """Files that the manifest or the metadata do not name, and those that the manifest should name."""
    if records is not None:
        yield from ((name, "the manifest does not name it") for name in {*files.sizes, *needed} - {*records, MANIFEST})
    if needed:
        named = set(files.sizes) if records is None else set(records)
        yield from ((name, "it belongs to no array") for name in named - needed - {MANIFEST})


def _inconsistencies(kind: Kind, metadata: Metadata, spoilt: set[str]) -> list[Damage]:
    readable = frozenset(set(metadata.arrays) - spoilt)
    try:
        return list(kind.check(Content(metadata.attributes, metadata.arrays, readable)))
    except DamagedStoreError as error:  # changed while it was checked
        return [Damage("the store", str(error))]
