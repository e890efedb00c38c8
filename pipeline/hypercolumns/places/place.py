"""A place: files by name, in a folder or in an object store, with the few operations that both have."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from hypercolumns.places.bucket import Bucket
from hypercolumns.places.folder import Folder


class Place(Protocol):
    """Files by name. Names have the POSIX form and may contain folders.

    Places are small values: they can be compared and hashed, and sent to another process, which sees the same files if
    it reaches the folder or has the credentials of the object store in its own environment.

    All operations raise `FileNotFoundError` for a file that is not there, `OSError` for one that cannot be read or
    written, and `PlaceError` where an object store cannot be reached, or refuses.
    """

    def __hash__(self) -> int:
        """Equal places have equal hashes."""

    @property
    def address(self) -> str:
        """The absolute path of the folder, or an address such as `s3://bucket/prefix`, for `place_at`."""

    def below(self, name: str) -> "Place":
        """The place that holds the files whose names begin with `name/`."""

    def read(self, name: str) -> bytes:
        """Read a file, of at most `input_files.LARGEST` bytes."""

    def read_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Read parts of a file, each from the first to before the second offset; less where the file is shorter."""

    def read_end(self, name: str, length: int) -> bytes:
        """Read the last bytes of a file."""

    def write(self, name: str, *content: bytes) -> None:
        """Write a file, replacing an older one, of pieces in this order; it appears complete or not at all."""

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless there is one; return whether it was written. Of several writers, one succeeds."""

    def sizes(self, names: Collection[str] | None = None) -> dict[str, int]:
        """Sizes of all files by name, or of those among `names` that are there."""

    def delete(self, names: Iterable[str] | None = None) -> None:
        """Delete files, or all files; one that is not there is not an error."""


def is_address(text: str) -> bool:
    """Whether a string is the address of an object store rather than the path of a folder."""
    return "://" in text


def place_at(address: str | Path) -> Place:
    """Find the place at a path or an address.

    Raises
    ------
    InputError
        If the address is malformed, or the package that reaches it is not installed.
    """
    text = str(address)
    return Bucket.at(text) if is_address(text) else Folder(Path(text))
