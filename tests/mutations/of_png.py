"""Mutations of PNG files: headers that claim too much, broken chunks, bombs, palettes and metadata."""

import io
import struct
import zlib
from collections.abc import Callable

from PIL import Image

from tests.mutations.harness import Mutation, content_mutation
from tests.mutations.of_bytes import deflated
from tests.mutations.of_images import converted, saved

_LARGE = 10_000
"""Side of an image within the default of `dataset.maximum_pixels`."""


def png_mutations(other: str = "") -> list[Mutation]:
    """Mutations of a PNG; `other` says why a picture of another size is right."""

    def claims(width: int, height: int) -> Callable[[bytes], bytes]:
        return _with_header(0, struct.pack(">II", width, height))

    return [
        content_mutation("claims 2^31 x 2^31", claims(2**31, 2**31)),
        content_mutation("claims 60000 x 60000", claims(60000, 60000)),
        content_mutation("claims 10000 x 10000", claims(_LARGE, _LARGE)),
        content_mutation("claims 2^31 x 1", claims(2**31 - 1, 1)),
        content_mutation("claims 0 x 0", claims(0, 0)),
        content_mutation("has 10000 x 10000", _large, other),
        content_mutation("claims 3 bits", _with_header(8, b"\x03")),
        content_mutation("claims the colour type 7", _with_header(9, b"\x07")),
        content_mutation("claims another compression", _with_header(10, b"\x05")),
        content_mutation("claims an unknown interlacing", _with_header(12, b"\x09")),
        content_mutation("a wrong checksum of the header", _wrong_checksum(b"IHDR")),
        content_mutation("a wrong checksum of the pixels", _wrong_checksum(b"IDAT")),
        content_mutation("a wrong checksum of the end", _wrong_checksum(b"IEND")),
        content_mutation("no end", _without(b"IEND")),
        content_mutation("no pixels", _without(b"IDAT")),
        content_mutation("no header", _without(b"IHDR")),
        content_mutation("pixels cut, with the right checksum", _pixels_of(lambda data: data[: len(data) // 2])),
        content_mutation("1 GB behind the pixels", _pixels_of(lambda data: deflated(zlib.decompress(data), 2**30))),
        content_mutation(
            "a text that inflates to 1 GB", _before_pixels(b"zTXt", lambda: b"a\0\0" + deflated(b"", 2**30))
        ),
        content_mutation(
            "a profile that inflates to 1 GB", _before_pixels(b"iCCP", lambda: b"a\0\0" + deflated(b"", 2**30))
        ),
        content_mutation("broken EXIF", _before_pixels(b"eXIf", lambda: b"MM\0*\xff\xff\xff\xff" + bytes(20))),
        content_mutation("broken transparency", _before_pixels(b"tRNS", lambda: bytes(3))),
        content_mutation("an unknown critical chunk", _before_pixels(b"ABCD", lambda: bytes(3))),
        content_mutation(
            "a second header", _before_pixels(b"IHDR", lambda: struct.pack(">IIBBBBB", 9, 9, 8, 2, 0, 0, 0)), other
        ),
    ]


def palette_mutations(colours: str = "") -> list[Mutation]:
    """Mutations of a PNG with a palette; `colours` says why other colours may change the reading."""
    return [
        content_mutation("a wrong checksum of the palette", _wrong_checksum(b"PLTE")),
        content_mutation("no palette", _without(b"PLTE")),
        content_mutation("a palette of one colour", _with_palette(bytes(3)), colours),
        content_mutation("a palette of 7 bytes", _with_palette(bytes(7)), colours),
        content_mutation("a palette in the opposite order", _with_palette(None), colours),
        content_mutation("saved as JPEG", converted("JPEG"), colours),
        content_mutation("saved as lossy WebP", converted("WEBP", quality=30), colours),
        content_mutation("saved as JPEG 2000", converted("JPEG2000", quality_layers=[40]), colours),
        content_mutation("saved as TIFF with JPEG in it", converted("TIFF", compression="jpeg"), colours),
    ]


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    """Types and data of the chunks of a PNG."""
    chunks, place = [], 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


def _png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG of chunks, with the right checksums."""
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks:
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return content


def _with_header(offset: int, field: bytes) -> Callable[[bytes], bytes]:
    """Overwrite a field of the header of a PNG."""

    def change(content: bytes) -> bytes:
        (kind, header), *rest = _chunks(content)
        return _png([(kind, header[:offset] + field + header[offset + len(field) :]), *rest])

    return change


def _before_pixels(kind: bytes, data: Callable[[], bytes]) -> Callable[[bytes], bytes]:
    """Insert a chunk before the pixels of a PNG."""

    def change(content: bytes) -> bytes:
        chunks = _chunks(content)
        place = next(i for i, (found, _) in enumerate(chunks) if found == b"IDAT")
        return _png([*chunks[:place], (kind, data()), *chunks[place:]])

    return change


def _wrong_checksum(kind: bytes) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        place = content.index(kind)
        (length,) = struct.unpack_from(">I", content, place - 4)
        end = place + 4 + length
        return content[:end] + bytes([content[end] ^ 1]) + content[end + 1 :]

    return change


def _pixels_of(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Change the compressed pixels of a PNG."""

    def apply(content: bytes) -> bytes:
        chunks = [(kind, data) for kind, data in _chunks(content) if kind not in (b"IDAT", b"IEND")]
        pixels = b"".join(data for kind, data in _chunks(content) if kind == b"IDAT")
        return _png([*chunks, (b"IDAT", change(pixels)), (b"IEND", b"")])

    return apply


def _without(kind: bytes) -> Callable[[bytes], bytes]:
    return lambda content: _png([chunk for chunk in _chunks(content) if chunk[0] != kind])


def _large(content: bytes) -> bytes:
    """The same mode with pixels of one colour, very many of them."""
    with Image.open(io.BytesIO(content)) as image:
        return saved(Image.new(image.mode, (_LARGE, _LARGE)), "PNG", compress_level=1)


def _with_palette(palette: bytes | None) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        chunks = _chunks(content)
        return _png(
            [(kind, (data[::-1] if palette is None else palette) if kind == b"PLTE" else data) for kind, data in chunks]
        )

    return change
