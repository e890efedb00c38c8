"""Mutations of JPEG files: headers that claim too much, EXIF data and missing segments."""

import struct
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.mutations.harness import Mutation, content_mutation
from tests.mutations.of_images import saved


def jpeg_mutations(other: str = "") -> list[Mutation]:
    """Mutations of a JPEG; `other` says why a picture of another size is right."""

    def claims(width: int, height: int) -> Callable[[bytes], bytes]:
        def change(content: bytes) -> bytes:
            place = content.index(b"\xff\xc0") + 5
            return content[:place] + struct.pack(">HH", height, width) + content[place + 4 :]

        return change

    def exif(data: bytes) -> Callable[[bytes], bytes]:
        segment = b"Exif\0\0" + data
        return lambda content: content[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + content[2:]

    def orientation(kind: int, count: int, value: bytes) -> bytes:
        return b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHI", 0x0112, kind, count) + value + bytes(4)

    return [
        content_mutation("claims 65535 x 65535", claims(65535, 65535)),
        content_mutation("claims 10000 x 10000", claims(10_000, 10_000), other),
        content_mutation("claims 0 x 0", claims(0, 0)),
        content_mutation("EXIF of noise", exif(np.random.default_rng(0).bytes(500))),
        content_mutation("EXIF of no length", exif(b"")),
        content_mutation("EXIF with 65535 entries", exif(b"MM\0*\0\0\0\x08\xff\xff" + bytes(100))),
        content_mutation("EXIF that leads to itself", exif(b"MM\0*\0\0\0\x08\0\0\0\0\0\x08")),
        content_mutation("EXIF orientation 0", exif(orientation(3, 1, b"\0\0\0\0"))),
        content_mutation("EXIF orientation 9", exif(orientation(3, 1, b"\0\x09\0\0"))),
        content_mutation("EXIF orientation of text", exif(orientation(2, 2, b"6\0\0\0"))),
        content_mutation("EXIF orientation of 2^30 values", exif(orientation(3, 2**30, b"\0\0\0\x08"))),
        content_mutation("2000 scans of 8000 x 8000 pixels", lambda _: _many_scans()),
        content_mutation("two photographs", lambda content: content + content),
        content_mutation("no quantisation", lambda content: content.replace(b"\xff\xdb", b"\xff\xfe")),
        content_mutation("no end", lambda content: content.removesuffix(b"\xff\xd9")),
        content_mutation("a progressive start", lambda content: content.replace(b"\xff\xc0", b"\xff\xc2")),
        content_mutation("nothing but the start", lambda content: content[:2]),
    ]


def _many_scans() -> bytes:
    """A progressive photograph whose last scan is repeated."""
    content = saved(Image.new("RGB", (8000, 8000)), "JPEG", progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + 2000 * last + content[-2:]
