"""Mutations of images of any format: other content under their suffix."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.mutations.harness import Mutation, content_mutation

_TEXTS = {
    "text": b"hello",
    "a page of a server": b"<html><body>404 Not Found</body></html>",
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"/>',
    "PDF": b"%PDF-1.4\n",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 30\n%%EndComments\nshowpage\n%%EOF\n",
}


def format_mutations(smaller: str = "") -> list[Mutation]:
    """Other content; `smaller` says why a picture of another size is right."""

    def replaced_by(content: bytes) -> Callable[[bytes], bytes]:
        return lambda _: content

    return [
        *(content_mutation(name, replaced_by(text)) for name, text in _TEXTS.items()),
        *(content_mutation(f"several frames in {kind}", _frames(kind)) for kind in ("PNG", "GIF", "TIFF", "WEBP")),
        content_mutation("a column less", _smaller, smaller),
    ]


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Content of a file of a format."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def converted(kind: str, **options: object) -> Callable[[bytes], bytes]:
    """The same picture in another format; of an image with a palette the numbers are saved, not the colours."""

    def change(content: bytes) -> bytes:
        with Image.open(io.BytesIO(content)) as image:
            mode = "L" if image.mode in ("P", "L") else "RGB"
            values = Image.fromarray(np.asarray(image)) if image.mode == "P" else image.convert(mode)
            return saved(values, kind, **options)

    return change


def _frames(kind: str) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            return saved(image, kind, save_all=True, append_images=[image.transpose(Image.Transpose.ROTATE_180)])

    return change


def _smaller(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        return saved(image.crop((0, 0, image.width - 1, image.height)), image.format or "PNG")
