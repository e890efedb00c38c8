"""Files of arrays with a checksum: complete or not there at all, and never read damaged."""

import io
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

PART = ".part"
"""Suffix of files that are being written."""

_CHECKSUM_BYTES = 4


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that appears at `path` complete or not at all, even after a power failure."""
    # Two threads may write the same entry of a cache.
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}{PART}")
    try:
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], *, compress: bool = False) -> None:
    """Save arrays as an NPZ file that ends with its CRC-32C; complete or not at all."""
    content = io.BytesIO()
    save: Any = np.savez_compressed if compress else np.savez
    save(content, allow_pickle=False, **arrays)
    view = content.getbuffer()
    with atomic_write(path) as stream:
        stream.write(view)
        stream.write(_checksum(view))


def load_arrays(path: Path) -> Arrays | None:
    """Read what `save_arrays` wrote; None, after deleting the file, if it is missing or damaged.

    What is kept below `.scratch` can be computed again, so that damage costs time and no result.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    view = memoryview(content)
    if len(content) > _CHECKSUM_BYTES and _checksum(view[:-_CHECKSUM_BYTES]) == content[-_CHECKSUM_BYTES:]:
        with np.load(io.BytesIO(view[:-_CHECKSUM_BYTES]), allow_pickle=False) as arrays:
            return dict(arrays)
    with suppress(OSError):
        path.unlink()
    return None


def _checksum(content: memoryview) -> bytes:
    return int(google_crc32c.value(np.frombuffer(content, np.uint8))).to_bytes(_CHECKSUM_BYTES, "little")
