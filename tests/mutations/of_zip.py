"""Mutations of ZIP archives: entries that lead out, repeat themselves or unpack to more than a machine holds."""

import io
import zipfile
from collections.abc import Callable

from tests.mutations.harness import Mutation, content_mutation
from tests.mutations.of_bytes import deflated

_Add = Callable[[zipfile.ZipFile], object]

_NAMES = {
    "leads out": "../secret",
    "leads out further in": "grids/../../secret",
    "is absolute": "/tmp/hypercolumns-secret",  # noqa: S108
    "has a drive": "C:\\secret",
    "has backslashes": "..\\secret",
    "has NUL": "a\0b",
    "is a folder": "grids/",
    "is a dot": ".",
    "is empty": "",
    "is long": "x" * 60_000,
    "is deep": "a/" * 2_000 + "b",
    "occurs twice": "model.json",
}


def _with(add: _Add) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        stream = io.BytesIO(content)
        with zipfile.ZipFile(stream, "a") as archive:
            add(archive)
        return stream.getvalue()

    return change


def _entry(name: str) -> _Add:
    def add(archive: zipfile.ZipFile) -> None:
        entry = zipfile.ZipInfo("x")
        entry.filename = name  # unlike the constructor, without a correction
        archive.writestr(entry, b"secret")

    return add


def _link(archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("link")
    entry.create_system, entry.external_attr = 3, 0o120777 << 16
    archive.writestr(entry, "/etc/passwd")


def _many(archive: zipfile.ZipFile) -> None:
    for number in range(100_001):
        archive.writestr(zipfile.ZipInfo(f"f{number}"), b"")


def _claimed(size: int) -> Callable[[bytes], bytes]:
    """Give the first entry of the directory another unpacked size."""

    def change(content: bytes) -> bytes:
        place = content.rindex(b"PK\1\2") + 24
        return content[:place] + size.to_bytes(4, "little") + content[place + 4 :]

    return change


def _bomb(content: bytes) -> bytes:
    """An entry of 300 MB of zeros that says it has one byte."""
    packed = deflated(b"", 300 * 2**20)
    stream = io.BytesIO(content)
    with zipfile.ZipFile(stream, "a") as archive:
        entry = zipfile.ZipInfo("bomb")
        archive.writestr(entry, b"x" * len(packed))
    found = stream.getvalue().replace(b"x" * len(packed), packed[2:-4] + b"x" * 6)
    place = found.rindex(b"PK\1\2")
    return found[: place + 10] + b"\x08\0" + found[place + 12 : place + 24] + b"\1\0\0\0" + found[place + 28 :]


def zip_mutations(unused: str) -> list[Mutation]:
    """Mutations of an archive; `unused` says why an entry more is harmless where its name is."""
    return [
        *(content_mutation(f"a name that {words}", _with(_entry(name)), unused) for words, name in _NAMES.items()),
        content_mutation("a link", _with(_link), unused),
        content_mutation("100,001 entries", _with(_many)),
        content_mutation("an entry that claims 4 GB", _claimed(2**32 - 2)),
        content_mutation("an entry that claims nothing", _claimed(0)),
        content_mutation("an entry of 300 MB that claims a byte", _bomb),
    ]
