"""The files below a folder that may hold anything."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Files:
    """Files below a folder by their path, in the POSIX form."""

    sizes: Mapping[str, int]
    """Regular files, and links to such."""
    faults: Mapping[str, str]
    """Why an entry is not a file that can be read, by its path."""

    @classmethod
    def list(cls, folder: Path) -> "Files":
        """List the files; links to folders are faults and not followed."""
        sizes: dict[str, int] = {}
        faults: dict[str, str] = {}
        folders = [""]
        while folders:
            prefix = folders.pop()
            try:
                with os.scandir(folder / prefix) as entries:
                    for entry in entries:
                        name = prefix + entry.name
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(f"{name}/")
                        elif fault := _record(entry, name, sizes):
                            faults[name] = fault
            except OSError as error:
                faults[prefix.rstrip("/") or "the folder"] = f"it cannot be read: {error.strerror}"
        return cls(sizes, faults)


def _record(entry: os.DirEntry[str], name: str, sizes: dict[str, int]) -> str | None:
    """Note the size of a file, or return why it cannot be read."""
    try:
        status = entry.stat()
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if stat.S_ISREG(status.st_mode):
        sizes[name] = status.st_size
        return None
    return "it is a link to a folder" if stat.S_ISDIR(status.st_mode) else "it is not a regular file"
