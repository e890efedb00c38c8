"""Opens a store and reads its arrays; what is missing or damaged ends in an error that names it, never in zeros."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.errors import BaseZarrError
from zarr.storage import MemoryStore

from hypercolumns.errors import InputError
from hypercolumns.input_files import too_large
from hypercolumns.places.folder import Folder
from hypercolumns.places.place import Place, is_address, place_at
from hypercolumns.stores.arrays import DamagedStoreError, StoredArray, describe
from hypercolumns.stores.layout import ROOT, Layout
from hypercolumns.stores.manifest import NAME as MANIFEST
from hypercolumns.stores.manifest import DamagedManifestError, FileRecord, Manifest
from hypercolumns.stores.metadata import LARGEST_JSON
from hypercolumns.stores.references import place_of
from hypercolumns.stores.soundness import first_fault
from hypercolumns.stores.versions import refusal


@dataclass(frozen=True)
class Store:
    """A store of any kind, opened for reading."""

    path: Path | str
    """Folder, or address of an object store."""
    place: Place
    """Holds its files: the folder itself, unless a reference in it says that they lie elsewhere."""
    group: zarr.Group
    """Gives the metadata; the arrays are read with `array`, which notices damage."""
    _arrays: dict[str, StoredArray] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def open(cls, path: Path | str, schema: str, kind: str, step: str, *, check: bool = True) -> "Store":
        """Open the store at `path` and check that its attribute `schema` is `schema` and that no file is missing.

        Parameters
        ----------
        path
            Folder of the store, or its address in an object store.
        schema
            Expected name and version of the schema.
        kind
            The expected content in words, for messages.
        step
            The pipeline step that writes it.
        check
            False skips the check of the files, for workers whose client has just made it.

        Raises
        ------
        DamagedStoreError
            If a file is missing or of another size, or the metadata or the manifest is damaged.
        InputError
            If `path` does not exist, is not a store or has another schema.
        """
        if not is_address(str(path)):
            path = Path(path)
            if not path.exists():
                raise InputError(f"{path} does not exist.", step)
        place = place_of(path)
        if check:
            _check_metadata(path, place, schema, kind, step)
        try:
            group = _open_group(place)
        except (BaseZarrError, OSError, ValueError, KeyError, TypeError, AttributeError):
            raise InputError(f"{path} is not a {kind}: it is not a readable Zarr group.", step) from None
        _check_schema(path, group.attrs.get("schema"), schema, kind, step)
        return cls(path, place, group)

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the root group."""
        return dict(self.group.attrs)

    def array(self, name: str) -> StoredArray:
        """Find an array that the schema guarantees to exist.

        Raises
        ------
        DamagedStoreError
            If it does not, or is stored in another way.
        """
        if name not in self._arrays:
            found = self.group.get(name)
            if not isinstance(found, zarr.Array):
                raise DamagedStoreError(self.path, f"the array {name!r}", "it is missing")
            try:
                layout = Layout.read(found)
            except ValueError as error:
                raise DamagedStoreError(self.path, f"the array {name!r}", str(error)) from None
            self._arrays[name] = StoredArray(self.place, name, found.shape[0], layout)
        return self._arrays[name]


def _open_group(place: Place) -> zarr.Group:
    if isinstance(place, Folder):
        return zarr.open_group(place.path, mode="r")
    # The root holds the metadata of all arrays, which are not read with Zarr.
    root = default_buffer_prototype().buffer.from_bytes(place.read(ROOT))
    return zarr.open_group(MemoryStore({ROOT: root}), mode="r")


def _check_metadata(path: Path | str, place: Place, schema: str, kind: str, step: str) -> None:
    """Compare files with the manifest, all sizes and the content of the metadata, and check what that claims."""
    try:
        manifest = Manifest.parse(_read_metadata(place_at(path), MANIFEST), f"{path}/{MANIFEST}")
    except (FileNotFoundError, NotADirectoryError):
        found = _schema_without_manifest(place)
        if found is None:
            raise InputError(f"{path} is not a {kind}: it is not a readable Zarr group.", step) from None
        _check_schema(path, found, schema, kind, step)
        raise DamagedStoreError(path, MANIFEST, "it is missing") from None
    except DamagedManifestError as error:
        found = _schema_without_manifest(place)
        if found is not None:  # the manifest may be that of another version
            _check_schema(path, found, schema, kind, step)
        raise DamagedStoreError(path, MANIFEST, error.fault) from None
    except OSError as error:
        raise DamagedStoreError(path, MANIFEST, f"it cannot be read: {error.strerror or error}") from None
    for name, fault in manifest.missing(place):
        raise DamagedStoreError(path, describe(name), fault)
    record = manifest.files.get(ROOT)
    try:
        content = _read_metadata(place, ROOT)
        is_as_written = record is not None and FileRecord.of(content) == record
    except OSError as error:
        raise DamagedStoreError(path, ROOT, f"it cannot be read: {error.strerror or error}") from None
    if not is_as_written:
        raise DamagedStoreError(path, ROOT, "its checksum does not match")
    if damage := first_fault(content, schema, place, manifest):
        raise DamagedStoreError(path, damage.place, damage.fault)


def _read_metadata(place: Place, name: str) -> bytes:
    """Read a file of metadata, all of which are small."""
    if fault := too_large(place.sizes((name,)).get(name, 0), LARGEST_JSON):
        raise OSError(f"it {fault}")
    return place.read(name)


def _schema_without_manifest(place: Place) -> Any:
    try:
        return json.loads(_read_metadata(place, ROOT))["attributes"]["schema"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _check_schema(path: Path | str, found: Any, schema: str, kind: str, step: str) -> None:
    if clause := refusal(found, schema, kind, step):
        raise InputError(f"{path} {clause}.", step)
