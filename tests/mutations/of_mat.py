"""Mutations of MATLAB files: fields of wrong types, damage inside a valid compression, and bombs."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.random import Generator
from scipy.io import savemat
from scipy.sparse import csc_matrix

from tests.mutations.harness import Mutation, content_mutation, random_mutation
from tests.mutations.of_bytes import NO_CHECKSUM, REPEATS, deflated, flip

_HEADER = 128
_INT8, _UINT8, _INT32, _UINT32, _DOUBLE, _MATRIX, _COMPRESSED = 1, 2, 5, 6, 9, 14, 15
"""Types of elements. MathWorks, MAT-File Format, level 5."""
_CELL, _STRUCT, _OBJECT, _FUNCTION, _NUMBERS = 1, 2, 3, 16, 9
"""Classes of arrays."""
_GIGABYTE = 2**30


def _ragged() -> np.ndarray:
    cell = np.empty((1, 2), dtype=object)
    cell[0, 0], cell[0, 1] = np.eye(2), np.zeros((3, 4))
    return cell


_VALUES: Mapping[str, Any] = {
    "text": "text",
    "empty": np.zeros((0, 0)),
    "NaN": np.full((30, 40), np.nan),
    "infinity": np.full((30, 40), np.inf),
    "-1": np.full((30, 40), -1.0),
    "10^300": np.full((30, 40), 1e300),
    "half": np.full((30, 40), 0.5),
    "complex": np.full((30, 40), 1j),
    "one number": 3.0,
    "three dimensions": np.zeros((2, 3, 4)),
    "six dimensions": np.ones((1, 1, 1, 1, 1, 2)),
    "sparse": csc_matrix(np.eye(3)),
    "a struct": {"a": 1.0},
    "cells of different shapes": _ragged(),
    "an empty cell": np.empty((0, 0), dtype=object),
    "uint64": np.full((30, 40), 2**63, dtype=np.uint64),
    "a column of texts": np.array(["one", "three"], dtype=object),
    "a long text": "x" * 100_000,
    "a million numbers": np.zeros((1000, 1000), dtype=np.uint8),
}


def value_mutations(
    places: Mapping[str, Callable[[Any], bytes]], legitimate: Callable[[str, str], str]
) -> list[Mutation]:
    """Give fields values of wrong types.

    Parameters
    ----------
    places
        By name of a field, a function that returns the content of a file whose field has a value.
    legitimate
        Says for a field and a value why another reading is right.
    """

    def mutation(place: str, name: str) -> Mutation:
        return content_mutation(
            f"{place} {name}", lambda _: places[place](_VALUES[name]), legitimate(place, name), sampled=True
        )

    return [mutation(place, name) for place in places for name in _VALUES]


def mat_mutations(variable: str, with_mask: Callable[[Any], bytes]) -> list[Mutation]:
    """Mutations of a file with one compressed struct.

    Parameters
    ----------
    variable
        The name of the struct.
    with_mask
        Returns the content of a file that has a given mask.
    """
    other_order, hdf5 = b"\1\0MI", b"\0\2IM"
    contents: Mapping[str, Callable[[], bytes]] = {
        "HDF5": lambda: b"\x89HDF\r\n\x1a\n" + bytes(600),
        "version 4": lambda: _saved({variable: np.eye(3)}, format="4"),
        "version 4 that claims 2^31 rows": lambda: _version_4(variable.encode()),
        "another variable": lambda: _saved({"other": {"a": 1}}),
        "a number in place of the struct": lambda: _saved({variable: 1.0}),
        "a struct array in its place": lambda: _saved({variable: [{"a": 1}, {"a": 2}]}),
        "a mask of 10000 x 10000": lambda: with_mask(np.zeros((10_000, 10_000), dtype=np.uint8)),
    }
    return [
        *(_in_file(name, _uncompressed, element) for name, element in _elements(variable.encode()).items()),
        *(_in_file(f"{name}, compressed", _compressed, el) for name, el in _elements(variable.encode()).items()),
        *_random_mutations(),
        _in_file("inflates to 2 GB", _uncompressed, lambda: _bomb(b"", 2 * _GIGABYTE)),
        _in_file("a valid array of 1 GB", _uncompressed, lambda: _bomb(_gigabyte(variable.encode()), _GIGABYTE)),
        content_mutation(
            "a header of the other byte order", lambda content: content[:124] + other_order + content[128:]
        ),
        content_mutation("a header of HDF5", lambda content: content[:124] + hdf5 + content[128:]),
        content_mutation("only a header", lambda content: content[:_HEADER]),
        content_mutation("the variable twice", lambda content: content + content[_HEADER:]),
        *(content_mutation(name, _replaced_by(make)) for name, make in contents.items()),
    ]


def _replaced_by(make: Callable[[], bytes]) -> Callable[[bytes], bytes]:
    return lambda _: make()


def _in_file(name: str, pack: Callable[[bytes], bytes], element: Callable[[], bytes]) -> Mutation:
    """Another element behind the header of a file."""
    return content_mutation(name, lambda content: content[:_HEADER] + pack(element()))


def _uncompressed(element: bytes) -> bytes:
    return element


def _compressed(element: bytes) -> bytes:
    """A compressed element, with a valid checksum."""
    return _element(_COMPRESSED, zlib.compress(element, 1), padded=False)


def _random_mutations() -> list[Mutation]:
    """Random changes of the variable inside a compressed file, which is compressed again or left as it is."""

    def inside(change: Callable[[bytes, Generator], bytes], pack: Callable[[bytes], bytes]) -> Any:
        def apply(content: bytes, rng: Generator) -> bytes:
            return content[:_HEADER] + pack(change(zlib.decompress(content[_HEADER + 8 :]), rng))

        return apply

    changes = {"a flipped bit": flip, "another number": _another_number, "cut": _cut}
    packs = {"with a valid checksum": _compressed, "uncompressed": _uncompressed}
    return [
        random_mutation(f"{name} {where}, {number}", inside(change, pack), NO_CHECKSUM, sampled=True)
        for name, change in changes.items()
        for where, pack in packs.items()
        for number in range(1, 5 * REPEATS + 1)
    ]


def _another_number(element: bytes, rng: Generator) -> bytes:
    """Overwrite four aligned bytes, which may be a type, a length or a shape."""
    place = 4 * int(rng.integers(len(element) // 4))
    value = int(rng.choice([0, 1, 14, 15, 2**16, 2**31 - 1, 2**31, 2**32 - 1]))
    return element[:place] + struct.pack("<I", value) + element[place + 4 :]


def _cut(element: bytes, rng: Generator) -> bytes:
    return element[: rng.integers(8, len(element))]


def _element(kind: int, content: bytes, padded: bool = True) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8 if padded else 0)


def _array(array_class: int, shape: tuple[int, ...], rest: bytes, name: bytes = b"") -> bytes:
    """An array of a class; `rest` follows its flags, shape and name."""
    flags = _element(_UINT32, struct.pack("<II", array_class, 0))
    return _element(
        _MATRIX, flags + _element(_INT32, struct.pack(f"<{len(shape)}i", *shape)) + _element(_INT8, name) + rest
    )


def _fields(width: int, names: bytes) -> bytes:
    """The names of the fields of a struct, each in so many bytes."""
    return struct.pack("<HHi", _INT32, 4, width) + _element(_INT8, names)


def _deep(name: bytes, levels: int) -> bytes:
    """Structs in structs, written without copying the inner ones for every level."""
    number = _array(_NUMBERS, (1, 1), _element(_UINT8, b"\1"))
    heads: list[bytes] = []
    length = len(number)
    for level in range(levels):
        head = _array(_STRUCT, (1, 1), _fields(8, b"a".ljust(8, b"\0")), name if level == levels - 1 else b"")
        heads.append(struct.pack("<II", _MATRIX, len(head) - 8 + length) + head[8:])
        length += len(head)
    return b"".join(reversed(heads)) + number


def _gigabyte(name: bytes) -> bytes:
    """The start of an array of a gigabyte of numbers."""
    head = _array(_NUMBERS, (_GIGABYTE, 1), struct.pack("<II", _UINT8, _GIGABYTE), name)
    return struct.pack("<II", _MATRIX, len(head) - 8 + _GIGABYTE) + head[8:]


def _bomb(start: bytes, zeros: int) -> bytes:
    """A compressed element that inflates to some bytes and many zeros."""
    return _element(_COMPRESSED, deflated(start, zeros), padded=False)


def _elements(name: bytes) -> Mapping[str, Callable[[], bytes]]:
    """Variables that are not annotations, and some that are not valid."""
    most, million = 2**31 - 1, 10**6
    nothing, empty = _element(_UINT8, b""), _element(_MATRIX, b"")
    return {
        "structs 10,000 deep": lambda: _deep(name, 10_000),
        "structs 300 deep": lambda: _deep(name, 300),
        "a shape of 2^31 - 1": lambda: _array(_NUMBERS, (most, most), nothing, name),
        "a negative shape": lambda: _array(_NUMBERS, (-1, -1), nothing, name),
        "a struct array of 2^31 - 1": lambda: _array(_STRUCT, (most, 1), _fields(32, bytes(32)), name),
        "field names of no length": lambda: _array(_STRUCT, (1, 1), _fields(0, b""), name),
        "a million fields": lambda: _array(_STRUCT, (1, 1), _fields(1, b"a" * million), name),
        "a million empty fields": lambda: _array(
            _STRUCT, (1, 1), _fields(8, b"".join(b"%-8d" % n for n in range(million))) + empty * million, name
        ),
        "ten million empty cells": lambda: _array(_CELL, (10 * million, 1), empty * 10 * million, name),
        "a function": lambda: _array(_FUNCTION, (1, 1), b"", name),
        "an object": lambda: _array(_OBJECT, (1, 1), _element(_INT8, b"a"), name),
        "a number of 16 bytes": lambda: _array(_NUMBERS, (1, 1), _element(_DOUBLE, bytes(16)), name),
        "a compressed element in it": lambda: _bomb(b"", 2**20),
        "nothing": lambda: b"",
    }


def _version_4(name: bytes) -> bytes:
    return struct.pack("<iiiii", 0, 2**31 - 1, 2**31 - 1, 0, len(name) + 1) + name + bytes(65)


def _saved(content: Mapping[str, Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    savemat(stream, dict(content), **options)
    return stream.getvalue()
