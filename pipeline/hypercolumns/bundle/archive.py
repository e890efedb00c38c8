"""A bundle as one file: a ZIP archive whose bytes depend on the content alone."""

import errno
import lzma
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hypercolumns.bundle.manifest import is_safe
from hypercolumns.errors import InputError
from hypercolumns.input_files import LARGEST, is_file, is_folder
from hypercolumns.places.atomic import atomic_write

MOST_FILES = 100_000
"""Files of an archive that is unpacked."""

_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, NotImplementedError, OSError, OverflowError, RuntimeError, ValueError),
)
"""Errors that `zipfile` raises where an archive is broken or encrypted."""

_DATE = (1980, 1, 1, 0, 0, 0)
"""The first that a ZIP archive can express."""


def pack(folder: Path, path: Path) -> None:
    """Write the files below a folder as a ZIP archive, not compressed again since stores are; replaces `path` at once.

    Equal files give equal bytes.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _DATE)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            entry.file_size = file.stat().st_size
            with file.open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, 1 << 20)


@contextmanager
def as_folder(path: Path) -> Iterator[Path]:
    """Yield the folder of a bundle: `path` itself or, for an archive, a temporary one with its content.

    Raises
    ------
    InputError
        If it does not exist, or is an archive that is broken, too large, or names files outside of its folder.
    """
    if is_folder(path):
        yield path
        return
    if not is_file(path):
        raise InputError(f"{path} does not exist.", "bundle")
    with tempfile.TemporaryDirectory(prefix="hypercolumns-") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                _unpack(archive, path, Path(folder))
        except InputError:
            raise
        except _ERRORS as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise InputError(f"{path} cannot be unpacked as a trained model ({error}).", "bundle") from None
        yield Path(folder)


def _unpack(archive: zipfile.ZipFile, path: Path, folder: Path) -> None:
    entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
    total = sum(entry.file_size for entry in entries)
    if len(entries) > MOST_FILES or total > LARGEST:
        raise InputError(
            f"{path} would unpack to {len(entries)} files of {total / 2**20:.0f} MB; at most {MOST_FILES} files and "
            f"{LARGEST / 2**20:.0f} MB are read."
        )
    for entry in entries:
        if not is_safe(entry.filename):
            raise InputError(f"{path} is not a trained model: it names the file {entry.filename!r}.")
        target = folder / entry.filename
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as source, target.open("xb") as stream:
            _copy(source, stream, entry.file_size)


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    """Copy exactly `size` bytes, so that an entry that unpacks to more than it says is refused."""
    left = size
    while block := source.read(min(1 << 20, left + 1)):
        left -= len(block)
        if left < 0:
            raise ValueError("an entry is larger than it says")
        target.write(block)
    if left:
        raise ValueError("an entry is shorter than it says")
