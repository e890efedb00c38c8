"""The structure of an uncompressed MATLAB variable, checked, since nothing in the file protects it from damage.

A compressed one has a checksum. SciPy ends the process over some wrong types and lengths. MathWorks, MAT-File Format,
level 5.
"""

import math
import struct
from collections.abc import Container
from dataclasses import dataclass

INT8, INT32, UINT32, MATRIX = 1, 5, 6, 14
_TEXTS = {1, 2, 3, 4, 16, 17, 18}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
"""Types of text, and bytes of one number by its type."""

_CELL, _STRUCT, _CHAR, _SPARSE = 1, 2, 4, 5
_NUMBERS = range(6, 16)
_COMPLEX = 0x800
"""Classes of arrays, and the flag of those with imaginary parts."""


@dataclass
class _Reader:
    """Goes through the elements of `data`, which a type and a length precede; `order` is that of bytes."""

    data: memoryview
    order: str
    at: int = 0

    def element(self, what: str, kinds: Container[int]) -> tuple[int, memoryview]:
        """Type and content of the next element; `ValueError` when its type is not among `kinds`."""
        word, length = self._numbers("II", self.at)
        start = self.at + 8
        if word >> 16:  # four bytes or fewer stand beside the type and their length
            word, length, start = word & 0xFFFF, word >> 16, self.at + 4
            self.at += 8
        else:
            self.at = start + length + -length % 8
        if word not in kinds or start + length > len(self.data):
            raise ValueError(f"{what} is damaged")
        return word, self.data[start : start + length]

    def _numbers(self, form: str, at: int) -> tuple[int, ...]:
        if at + struct.calcsize(form) > len(self.data):
            raise ValueError("it ends too early")
        return struct.unpack_from(self.order + form, self.data, at)

    def numbers(self, what: str, kind: int) -> tuple[int, ...]:
        """The whole numbers of 32 bits of the next element."""
        content = self.element(what, {kind})[1]
        if not content or len(content) % 4:
            raise ValueError(f"{what} is damaged")
        return struct.unpack(f"{self.order}{len(content) // 4}{'i' if kind == INT32 else 'I'}", content)


def check_matrix(body: memoryview, order: str) -> None:
    """Check the content of an element of type MATRIX; `order` is "<" or ">".

    Raises
    ------
    ValueError
        Saying which piece is damaged, or that the array is of a class that annotations do not have.
    """
    if not body:  # how an empty array may be written
        return
    reader = _Reader(body, order)
    flags = reader.numbers("the class of an array", UINT32)[0]
    shape = reader.numbers("the shape of an array", INT32)
    reader.element("the name of an array", {INT8})
    # Every entry takes some bytes, so that the count of a damaged shape is told before memory is asked for.
    count, kind = math.prod(shape), flags & 0xFF
    if min(shape) < 0 or (kind != _SPARSE and count > len(body)):
        raise ValueError("the shape of an array is damaged")
    if kind == _CELL:
        _check_cells(reader, count, order)
    elif kind == _STRUCT:
        (width,) = reader.numbers("the length of field names", INT32)
        names = reader.element("the field names", {INT8})[1]
        if width < 1 or len(names) % width:
            raise ValueError("the field names are damaged")
        _check_cells(reader, count * (len(names) // width), order)
    elif kind == _CHAR:
        reader.element("a text", _TEXTS)
    elif kind == _SPARSE:
        for what in ("the rows", "the columns"):
            reader.element(f"{what} of a sparse array", {INT32})
        _check_numbers(reader, flags)
    elif kind in _NUMBERS:
        _check_numbers(reader, flags, count)
    else:
        raise ValueError(f"an array is of the class {kind}, neither struct, cell, text nor numbers")


def _check_cells(reader: _Reader, count: int, order: str) -> None:
    for _ in range(count):
        check_matrix(reader.element("a cell or field", {MATRIX})[1], order)


def _check_numbers(reader: _Reader, flags: int, count: int | None = None) -> None:
    """The numbers of an array, and their imaginary parts if it has some; `count` of each, unless it is None."""
    for _ in range(2 if flags & _COMPLEX else 1):
        kind, content = reader.element("an array of numbers", _SIZES)
        if len(content) % _SIZES[kind] or count not in (None, len(content) // _SIZES[kind]):
            raise ValueError("an array of numbers is damaged")
