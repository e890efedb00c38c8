"""Mutations of the bytes of a file, whatever its format."""

import os
import zlib
from collections.abc import Callable
from functools import cache

from numpy.random import Generator

from tests.mutations.harness import Mutation, content_mutation, random_mutation

REPEATS = int(os.environ.get("MUTATIONS", "10"))
"""How often each random change is drawn."""

NO_CHECKSUM = "the format has no checksum, and the damaged file is valid"


@cache
def deflated(start: bytes, zeros: int) -> bytes:
    """Compress some bytes and so many zeros behind them."""
    packer = zlib.compressobj(1)
    block = bytes(2**20)
    return packer.compress(start) + b"".join(packer.compress(block) for _ in range(zeros >> 20)) + packer.flush()


def flip(content: bytes, rng: Generator) -> bytes:
    """Change one bit."""
    changed = bytearray(content)
    changed[rng.integers(len(content))] ^= 1 << rng.integers(8)
    return bytes(changed)


def _flip_many(content: bytes, rng: Generator) -> bytes:
    for _ in range(20):
        content = flip(content, rng)
    return content


def _cut(content: bytes, rng: Generator) -> bytes:
    return content[: rng.integers(1, len(content))]


def _insert(content: bytes, rng: Generator) -> bytes:
    place = rng.integers(len(content))
    return content[:place] + rng.bytes(int(rng.integers(1, 20))) + content[place:]


def _block(content: bytes, rng: Generator) -> tuple[bytes, bytes, bytes]:
    """What lies before a random block, the block, and what lies behind it."""
    start, end = sorted(rng.integers(0, len(content) + 1, 2))
    return content[:start], content[start:end], content[end:]


def _repeat(content: bytes, rng: Generator) -> bytes:
    before, block, after = _block(content, rng)
    return before + block + block + after


def _remove(content: bytes, rng: Generator) -> bytes:
    before, _, after = _block(content, rng)
    return before + after


def _zeros(content: bytes, rng: Generator) -> bytes:
    before, block, after = _block(content, rng)
    return before + bytes(len(block)) + after


_CHANGES: dict[str, Callable[[bytes, Generator], bytes]] = {
    "cut": _cut,
    "a flipped bit": flip,
    "20 flipped bits": _flip_many,
    "bytes inserted": _insert,
    "a block twice": _repeat,
    "a block removed": _remove,
    "a block of zeros": _zeros,
}


def byte_mutations(legitimate: str = "") -> list[Mutation]:
    """Random changes of bytes; `legitimate` is empty for formats with a checksum."""
    return [
        *(
            random_mutation(f"{name}, {number}", change, legitimate, sampled=True)
            for name, change in _CHANGES.items()
            for number in range(1, REPEATS + 1)
        ),
        content_mutation("the last byte cut", lambda content: content[:-1], legitimate),
        content_mutation("half of it", lambda content: content[: len(content) // 2], legitimate),
        random_mutation("noise", lambda content, rng: rng.bytes(len(content))),
    ]
