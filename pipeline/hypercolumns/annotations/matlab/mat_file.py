"""Reading one variable of a MATLAB file (.mat, version 5), checked before SciPy parses it."""

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

from hypercolumns.annotations.matlab.mat_elements import check_element
from hypercolumns.errors import InputError
from hypercolumns.input_files import read_bytes

_LARGEST = 2**28
"""Bytes that a file may have, also when it is decompressed."""

_HEADER_SIZE, _COMPRESSED = 128, 15
"""Bytes before the first element, and the type of a compressed element. MathWorks, MAT-File Format, level 5."""

_PARSE_ERRORS = (OSError, ValueError, TypeError, LookupError, OverflowError, RuntimeError, zlib.error)
"""Errors that SciPy raises for damaged files, beside its own, and ours.

RuntimeError covers RecursionError and NotImplementedError.
"""


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
    # Imported here since formats without .mat files do without.
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        stream = BytesIO(_decompress(read_bytes(path, _LARGEST)))
        content = loadmat(stream, variable_names=[variable], simplify_cells=True).get(variable)
    except FileNotFoundError:
        raise InputError(f"The annotation {path} does not exist.") from None
    except (*_PARSE_ERRORS, MatReadError) as error:
        raise InputError(f"{path} is not {label}: {error}.") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is not {label}: it has no struct {variable!r}.")
    return content


def _decompress(content: bytes) -> bytes:
    """Rewrite a file without compression, after a check of its elements; `ValueError` if one is damaged.

    SciPy parses a compressed element before it compares its checksum, and can crash the process over a damaged one.
    """
    orders = {b"\0\1IM": "<", b"\1\0MI": ">"}
    order = orders.get(content[_HEADER_SIZE - 4 : _HEADER_SIZE])
    if order is None:
        raise ValueError("it has no header of version 5; save it in MATLAB with the option -v7")
    position, elements, free = _HEADER_SIZE, [content[:_HEADER_SIZE]], _LARGEST
    while position + 8 <= len(content):
        kind, length = struct.unpack_from(f"{order}II", content, position)
        start, end = position + 8, position + 8 + length
        element = _inflate(content[start:end], free) if kind == _COMPRESSED else content[position:end]
        check_element(element, order)
        elements.append(element)
        free -= len(element)
        position = end
    return b"".join(elements)


def _inflate(body: bytes, largest: int) -> bytes:
    """Decompress an element of at most `largest` bytes; `zlib.error` or `ValueError` if it is damaged or larger."""
    stream = zlib.decompressobj()
    element = stream.decompress(body, largest + 1)
    if len(element) > largest:
        raise ValueError(f"it has more than {_LARGEST // 2**20} MB when it is decompressed")
    if not stream.eof:
        raise ValueError("a compressed element is cut off")
    return element
