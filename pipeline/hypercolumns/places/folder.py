"""A folder as a place."""

import os
import shutil
import threading
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypercolumns.input_files import open_regular, read_bytes
from hypercolumns.places.atomic import PART, atomic_write


@dataclass(frozen=True)
class Folder:
    """The files below a folder; see `place.Place`."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the absolute path, since another process may run elsewhere."""
        return type(self), (self.path.absolute(),)

    @property
    def address(self) -> str:
        """The absolute path of the folder."""
        return str(self.path.absolute())

    def below(self, name: str) -> "Folder":
        """The folder of that name below this one."""
        return Folder(self.path / name)

    def read(self, name: str) -> bytes:
        """Read a file."""
        return read_bytes(self.path / name)

    def read_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Read parts of a file."""
        with open_regular(self.path / name) as stream:
            return [os.pread(stream.fileno(), stop - start, start) for start, stop in ranges]

    def read_end(self, name: str, length: int) -> bytes:
        """Read the last bytes of a file."""
        with open_regular(self.path / name) as stream:
            size = os.fstat(stream.fileno()).st_size
            return os.pread(stream.fileno(), length, max(0, size - length))

    def write(self, name: str, *content: bytes) -> None:
        """Write a file, replacing an older one."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as stream:
            stream.writelines(content)

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless there is one."""
        path = self.path / name
        draft = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}-new{PART}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(draft) as stream:
            stream.write(content)
        try:
            os.link(draft, path)  # fails where there is a file, unlike a renaming
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        return True

    def sizes(self, names: Collection[str] | None = None) -> dict[str, int]:
        """Sizes of files by name."""
        if names is None:
            files = (file for file in self.path.rglob("*") if file.is_file())
            return {file.relative_to(self.path).as_posix(): file.stat().st_size for file in files}
        found = {}
        for name in names:
            with suppress(OSError, ValueError):
                found[name] = (self.path / name).stat().st_size
        return found

    def delete(self, names: Iterable[str] | None = None) -> None:
        """Delete files; without names the folder itself."""
        if names is None:
            shutil.rmtree(self.path, ignore_errors=True)
        for name in names or ():
            with suppress(OSError):
                (self.path / name).unlink()
                (self.path / name).parent.rmdir()  # where that was its last file
