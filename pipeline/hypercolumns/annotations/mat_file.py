"""Reading one variable of a MATLAB file (.mat, version 5), checked before SciPy parses it."""

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from hypercolumns.annotations.mat_elements import MATRIX, check_matrix
from hypercolumns.errors import InputError

_HEADER_SIZE, _COMPRESSED = 128, 15
"""Bytes before the first element, and the type of a compressed element. MathWorks, MAT-File Format, level 5."""

_PARSE_ERRORS = (OSError, ValueError, TypeError, LookupError, OverflowError, RuntimeError, MatReadError, zlib.error)
"""Errors that SciPy raises for damaged files, and ours; RuntimeError covers RecursionError and NotImplementedError."""


def read_struct(path: Path, variable: str, label: str) -> dict[str, Any]:
    """Read the struct `variable` of a .mat file.

    Parameters
    ----------
    path
        A MATLAB file of version 5.
    variable
        The name of the struct.
    label
        What the file should be, with its article, for messages.

    Returns
    -------
    The fields of the struct; nested structs are dictionaries, cells are arrays or lists.

    Raises
    ------
    InputError
        If the file is missing, broken or of another version, or has no struct of that name.
    """
    try:
        stream = BytesIO(_decompress(path.read_bytes()))
        content = loadmat(stream, variable_names=[variable], simplify_cells=True).get(variable)
    except FileNotFoundError:
        raise InputError(f"The annotation {path} does not exist.") from None
    except _PARSE_ERRORS as error:
        raise InputError(f"{path} is not {label}: {error}.") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is not {label}: it has no struct {variable!r}.")
    return content


def _decompress(content: bytes) -> bytes:
    """Rewrite a file without compression; `zlib.error` or `ValueError` if an element is damaged.

    SciPy parses a compressed element before it compares its checksum, and can crash the process over a damaged one.
    """
    order = "<" if content[_HEADER_SIZE - 2 : _HEADER_SIZE] == b"IM" else ">"
    position, elements = _HEADER_SIZE, [content[:_HEADER_SIZE]]
    while position + 8 <= len(content):
        kind, length = struct.unpack_from(f"{order}II", content, position)
        end = position + 8 + length
        body = content[position + 8 : end]
        if kind == MATRIX:
            check_matrix(memoryview(body), order)
        elements.append(zlib.decompress(body) if kind == _COMPRESSED else content[position:end])
        position = end
    return b"".join(elements)
