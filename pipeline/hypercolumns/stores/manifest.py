"""The list of all files of a store with their sizes and checksums, which says what is complete."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

from hypercolumns.errors import InputError
from hypercolumns.input_files import is_inside, read_bytes
from hypercolumns.places.folder import Folder
from hypercolumns.places.place import Place, place_at

NAME = "manifest.json"
"""Name of the manifest in the folder of a store."""

SCHEMA = "hypercolumns-manifest/2"


class DamagedManifestError(InputError):
    """A manifest is damaged; `fault` is the reason as a clause, without the path."""

    def __init__(self, path: Path | str, fault: str) -> None:
        super().__init__(f"{path} is damaged: {fault}.")
        self.fault = fault


@dataclass(frozen=True)
class FileRecord:
    """Size and SHA-256 of a file.

    Not its CRC-32C: chunks and indices end with their own, and that of such a sequence depends on its length alone.
    """

    size: int
    sha256: str
    """In hexadecimal."""

    @classmethod
    def measure(cls, path: Path) -> "FileRecord":
        """Read a file."""
        with path.open("rb") as stream:
            total = hashlib.file_digest(stream, "sha256")
            return cls(stream.tell(), total.hexdigest())

    @classmethod
    def of(cls, content: bytes) -> "FileRecord":
        """Measure the content of a file."""
        return cls(len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Manifest:
    """The files of a store by their path below its folder, in the POSIX form; the manifest itself is not among them."""

    files: Mapping[str, FileRecord]

    @classmethod
    def read(cls, store: Path) -> "Manifest":
        """Read the manifest of a store.

        Raises
        ------
        FileNotFoundError
            If it has none.
        OSError
            If it cannot be read, is too large or is not a regular file.
        DamagedManifestError
            If it is not, to the byte, what `write` writes, or names files outside of the store.
        """
        return cls.parse(read_bytes(store / NAME), store / NAME)

    @classmethod
    def parse(cls, content: bytes, path: Path | str) -> "Manifest":
        """Read the content of a manifest; `path` is its name in messages.

        Raises
        ------
        DamagedManifestError
            As `read`.
        """
        try:
            found = json.loads(content)
            files = {name: FileRecord(int(size), str(sha256)) for name, (size, sha256) in found["files"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            raise DamagedManifestError(path, "it is not a manifest") from None
        manifest = cls(files)
        if manifest._text().encode(errors="replace") != content:
            raise DamagedManifestError(path, "its checksum does not match its content")
        unsafe = [name for name in files if not is_inside(name) or "\\" in name]
        if unsafe:
            raise DamagedManifestError(path, f"it names {unsafe[0]!r}, which does not lie in the store")
        return manifest

    def write(self, store: Path) -> None:
        """Write the manifest, replacing an older one at once."""
        Folder(store).write(NAME, self.content())

    def content(self) -> bytes:
        """Encode the manifest, as `write` writes it."""
        return self._text().encode()

    def missing(self, place: Place) -> Iterator[tuple[str, str]]:
        """Yield name and fault of each file of the store at a place that is missing or of another size, unread."""
        sizes = place.sizes(self.files)
        for name, record in self.files.items():
            if name not in sizes:
                yield name, "it is missing"
            elif sizes[name] != record.size:
                yield name, f"it has {sizes[name]} bytes instead of {record.size}"

    def damaged(self, store: Path) -> Iterator[tuple[str, str]]:
        """Yield name and fault of each file that is missing or differs from its record; reads all files."""
        missing = dict(self.missing(Folder(store)))
        for name, record in self.files.items():
            if name in missing:
                yield name, missing[name]
            elif FileRecord.measure(store / name) != record:
                yield name, "its checksum does not match"

    def _text(self) -> str:
        lines = [f'  {json.dumps(name)}: [{file.size}, "{file.sha256}"]' for name, file in sorted(self.files.items())]
        body = f'{{\n "schema": "{SCHEMA}",\n "files": {{\n' + ",\n".join(lines) + "\n },\n"
        return f'{body} "crc32c": "{google_crc32c.value(body.encode()):08x}"\n}}\n'


def content_digest(store: Path | str) -> str:
    """SHA-256 of the manifest of a store, which differs wherever the bytes of two stores differ."""
    return hashlib.sha256(place_at(store).read(NAME)).hexdigest()
