"""Checks of the structure of a MATLAB variable, before SciPy parses it.

SciPy ends the process over some wrong types and lengths, and takes memory for what a shape claims. Source: MathWorks,
MAT-File Format, level 5.
"""

import math
import struct
from collections.abc import Container
from dataclasses import dataclass

INT8, INT32, UINT32, MATRIX = 1, 5, 6, 14
"""Types of elements."""

_STRING_TYPES = {1, 2, 3, 4, 16, 17, 18}
_NUMBER_SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
"""Bytes per number, by the type of the element."""

_CELL, _STRUCT, _CHAR, _SPARSE = 1, 2, 4, 5
_NUMERIC_CLASSES = range(6, 16)
"""Classes of arrays."""

_MAX_ARRAYS = 100_000
"""Arrays in a variable; a thousand times what annotations of a photograph have."""
_MAX_FIELDS = 1000
"""Fields of a struct; SciPy takes quadratic time for them."""

_COMPLEX = 0x800
"""Flag of arrays with an imaginary part."""


@dataclass
class _Reader:
    """Reads one element after another, each a type, a length and its content; `order` is the byte order."""

    data: memoryview
    order: str
    position: int = 0

    def element(self, label: str, types: Container[int]) -> tuple[int, memoryview]:
        """Read the type and content of the next element; `ValueError` if its type is not among `types`."""
        start = self.position + 8
        if start > len(self.data):
            raise ValueError("it ends too early")
        kind, length = struct.unpack_from(f"{self.order}II", self.data, self.position)
        if kind >> 16:  # the compact form packs the length, at most four, into the upper half of the type
            kind, length, start = kind & 0xFFFF, kind >> 16, self.position + 4
            self.position += 8
        else:
            self.position = start + length + -length % 8
        if kind not in types or start + length > len(self.data):
            raise ValueError(f"{label} is damaged")
        return kind, self.data[start : start + length]

    def integers(self, label: str, kind: int) -> tuple[int, ...]:
        """Read the next element as 32-bit integers."""
        content = self.element(label, {kind})[1]
        if not content or len(content) % 4:
            raise ValueError(f"{label} is damaged")
        return struct.unpack(f"{self.order}{len(content) // 4}{'i' if kind == INT32 else 'I'}", content)


def check_element(element: bytes | memoryview, order: str) -> None:
    """Check an uncompressed element of a file: an array and, recursively, the cells and fields in it.

    Parameters
    ----------
    element
        Its type, length and content.
    order
        Byte order, "<" or ">".

    Raises
    ------
    ValueError
        Saying which piece is damaged, that the array is of a class that annotations do not have, or that there are
        too many arrays.
    """
    reader = _Reader(memoryview(element), order)
    _Checker(order).check(reader.element("a variable", {MATRIX})[1])


@dataclass
class _Checker:
    """Checks arrays and counts them."""

    order: str
    arrays: int = 0

    def check(self, content: memoryview) -> None:
        """Check the content of a MATRIX element."""
        self.arrays += 1
        if self.arrays > _MAX_ARRAYS:
            raise ValueError(f"it has more than {_MAX_ARRAYS} arrays")
        if not content:  # a valid form of an empty array
            return
        reader = _Reader(content, self.order)
        flags = reader.integers("the class of an array", UINT32)[0]
        shape = reader.integers("the shape of an array", INT32)
        reader.element("the name of an array", {INT8})
        # Every entry takes at least a byte, so a damaged shape is found before memory is allocated for it.
        count, kind = math.prod(shape), flags & 0xFF
        if min(shape) < 0 or (kind != _SPARSE and count > len(content)):
            raise ValueError("the shape of an array is damaged")
        if kind == _CELL:
            self._check_cells(reader, count)
        elif kind == _STRUCT:
            (width,) = reader.integers("the length of field names", INT32)
            names = reader.element("the field names", {INT8})[1]
            if width < 1 or len(names) % width or len(names) // width > _MAX_FIELDS:
                raise ValueError("the field names are damaged")
            self._check_cells(reader, count * (len(names) // width))
        elif kind == _CHAR:
            reader.element("a string", _STRING_TYPES)
        elif kind == _SPARSE:
            for indices in ("the rows", "the columns"):
                reader.element(f"{indices} of a sparse array", {INT32})
            _check_numbers(reader, flags)
        elif kind in _NUMERIC_CLASSES:
            _check_numbers(reader, flags, count)
        else:
            raise ValueError(f"an array has class {kind}, which is not a class of structs, cells, strings or numbers")

    def _check_cells(self, reader: _Reader, count: int) -> None:
        for _ in range(count):
            self.check(reader.element("a cell or field", {MATRIX})[1])


def _check_numbers(reader: _Reader, flags: int, count: int | None = None) -> None:
    """Check the real part of an array and its imaginary part, if any; each must have `count` numbers, if given."""
    for _ in range(2 if flags & _COMPLEX else 1):
        kind, content = reader.element("an array of numbers", _NUMBER_SIZES)
        if len(content) % _NUMBER_SIZES[kind] or count not in (None, len(content) // _NUMBER_SIZES[kind]):
            raise ValueError("an array of numbers is damaged")
