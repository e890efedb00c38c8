"""Results per photograph that a later run takes over when the photograph and all else they depend on are the same."""

import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypercolumns.scratch.checked_files import Arrays, load_arrays, save_arrays
from hypercolumns.scratch.digests import code_digest, key_digest


class ContentCache:
    """Arrays by what they were computed from, in files below a folder of `.scratch`.

    Entries of another version of the code, or that are damaged, are not found.

    Parameters
    ----------
    folder
        Folder of this cache alone; the caller holds the scratch folder.
    key
        What all entries depend on, such as parameters and versions.
    """

    def __init__(self, folder: Path, key: Mapping[str, Any]) -> None:
        self._root = folder
        self._folder = folder / key_digest({"key": key, "code": code_digest()})[:16]
        self._folder.mkdir(parents=True, exist_ok=True)

    def path(self, content: str) -> Path:
        """File of the entry for a digest of what differs between entries, such as that of a photograph."""
        return self._folder / content

    def get(self, content: str) -> Arrays | None:
        """Read an entry; None if it is not there or damaged."""
        return load_arrays(self.path(content))

    def put(self, content: str, arrays: Arrays, *, compress: bool = False) -> None:
        """Keep an entry."""
        save_arrays(self.path(content), arrays, compress=compress)

    def keep_only(self, contents: Collection[str]) -> None:
        """Delete all other entries, and those for other keys, so that the cache does not grow from run to run."""
        for folder in self._root.iterdir():
            if folder != self._folder:
                shutil.rmtree(folder, ignore_errors=True)
        for file in self._folder.iterdir():
            if file.name not in contents:
                with suppress(OSError):
                    file.unlink()
