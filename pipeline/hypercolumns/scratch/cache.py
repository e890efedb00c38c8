"""Results per photograph that a later run takes over when the photograph and all else they depend on are the same."""

from collections.abc import Collection, Mapping
from typing import Any

from hypercolumns.places.place import Place
from hypercolumns.scratch.checked_files import Arrays, pack_arrays, unpack_arrays
from hypercolumns.scratch.digests import code_digest, key_digest


class ContentCache:
    """Arrays by what they were computed from, in files of a place.

    Entries of another version of the code, or that are damaged, are not found.

    Parameters
    ----------
    place
        Place of this cache alone; the caller holds the scratch folder.
    key
        Values that all entries depend on, such as parameters and versions.
    """

    def __init__(self, place: Place, key: Mapping[str, Any]) -> None:
        self._all = place
        self._prefix = key_digest({"key": key, "code": code_digest()})[:16]
        self._place = place.below(self._prefix)

    @property
    def address(self) -> str:
        """Path or address of the entries for the key."""
        return self._place.address

    def get(self, content: str) -> Arrays | None:
        """Read the entry for a digest of what differs between entries; None if it is not there or damaged."""
        try:
            return unpack_arrays(self._place.read(content))
        except OSError:
            return None

    def put(self, content: str, arrays: Arrays, *, compress: bool = False) -> None:
        """Keep an entry."""
        self._place.write(content, bytes(pack_arrays(arrays, compress=compress)))

    def keep_only(self, contents: Collection[str]) -> None:
        """Delete all other entries, and those for other keys, so that the cache does not grow from run to run."""
        kept = {f"{self._prefix}/{content}" for content in contents}
        self._all.delete(name for name in self._all.sizes() if name not in kept)
