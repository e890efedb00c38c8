"""MATLAB files (.mat, version 5) of data sets: one variable, checked before SciPy parses it."""

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from hypercolumns.annotations.mat_elements import MATRIX, check_matrix
from hypercolumns.errors import InputError

_HEADER, _COMPRESSED = 128, 15
"""Bytes before the first element, and the type of a compressed one. MathWorks, MAT-File Format, level 5."""

_BROKEN = (
    RecursionError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    NotImplementedError,
    MatReadError,
    zlib.error,
)


def read_struct(path: Path, variable: str, meaning: str) -> dict[str, Any]:
    """The struct `variable` of a .mat file, nested structs as dictionaries and cells as arrays or lists.

    Raises
    ------
    InputError
        When the file is missing, broken or of another version, or the variable is missing or no struct; `meaning`
        says what the file should be.
    """
    try:
        stream = BytesIO(_decompressed(path.read_bytes()))
        content = loadmat(stream, variable_names=[variable], simplify_cells=True).get(variable)
    except FileNotFoundError:
        raise InputError(f"The annotation {path} does not exist.") from None
    except _BROKEN as error:
        raise InputError(f"{path} is no {meaning}: {error}.") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is no {meaning}: it has no struct {variable!r}.")
    return content


def _decompressed(content: bytes) -> bytes:
    """The same file without compression; `zlib.error` or `ValueError` for a damaged element.

    SciPy parses an element before it compares its checksum, and may crash the process over a damaged one.
    """
    order = "<" if content[_HEADER - 2 : _HEADER] == b"IM" else ">"
    at, elements = _HEADER, [content[:_HEADER]]
    while at + 8 <= len(content):
        kind, length = struct.unpack_from(f"{order}II", content, at)
        end = at + 8 + length
        if kind == MATRIX:
            check_matrix(memoryview(content)[at + 8 : end], order)
        elements.append(zlib.decompress(content[at + 8 : end]) if kind == _COMPRESSED else content[at:end])
        at = end
    return b"".join(elements)
