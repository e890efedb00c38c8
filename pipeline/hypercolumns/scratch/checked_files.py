"""Files of arrays with a checksum: complete or not there at all, and never read damaged."""

import io
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from hypercolumns.places.atomic import atomic_write

Arrays = dict[str, NDArray[Any]]

_CHECKSUM_BYTES = 4


def pack_arrays(arrays: Mapping[str, NDArray[Any]], *, compress: bool = False) -> memoryview:
    """Pack arrays as the content of an NPZ file that ends with its CRC-32C."""
    content = io.BytesIO()
    save: Any = np.savez_compressed if compress else np.savez
    save(content, allow_pickle=False, **arrays)
    content.write(_checksum(content.getvalue()))
    return content.getbuffer()


def unpack_arrays(content: bytes) -> Arrays | None:
    """Unpack what `pack_arrays` packed; None if it is damaged."""
    view = memoryview(content)
    if len(content) <= _CHECKSUM_BYTES or _checksum(view[:-_CHECKSUM_BYTES]) != content[-_CHECKSUM_BYTES:]:
        return None
    with np.load(io.BytesIO(view[:-_CHECKSUM_BYTES]), allow_pickle=False) as arrays:
        return dict(arrays)


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], *, compress: bool = False) -> None:
    """Save packed arrays in a file; complete or not at all."""
    with atomic_write(path) as stream:
        stream.write(pack_arrays(arrays, compress=compress))


def load_arrays(path: Path) -> Arrays | None:
    """Read what `save_arrays` wrote; None, after deleting the file, if it is missing or damaged.

    What is kept below `.scratch` can be computed again, so that damage costs time and no result.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    arrays = unpack_arrays(content)
    if arrays is None:
        with suppress(OSError):
            path.unlink()
    return arrays


def _checksum(content: bytes | memoryview) -> bytes:
    return int(google_crc32c.value(np.frombuffer(content, np.uint8))).to_bytes(_CHECKSUM_BYTES, "little")
