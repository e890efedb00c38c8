"""Finding photographs by the file names that annotation tools write."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from posixpath import normpath
from urllib.parse import unquote

from hypercolumns.annotations.files import path_inside
from hypercolumns.errors import InputError
from hypercolumns.input_files import is_file, is_inside

_LONGEST_NAME = 4096
"""In characters: the limit for paths on Linux, and more than other systems allow."""


class PhotographFolder:
    """A folder of photographs, some of which annotation tools spell differently.

    A name that does not exist is tried with backslashes as separators, percent codes of a URL decoded, in another
    letter case, with accents composed or decomposed, without its first folders, which may be those of another computer
    or a server, and without the eight hexadecimal digits that Label Studio puts before the name of an uploaded file.

    Parameters
    ----------
    root
        The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listings: dict[Path, dict[str, list[str]]] = {}

    def find(self, name: str, source: str) -> str:
        """Find the photograph that an annotation file names; `source` is the place of the name, for the message.

        Returns
        -------
        The path relative to the folder of a file that exists; `name` itself if no spelling does.

        Raises
        ------
        InputError
            If `name` is too long, or leads out of the folder and no spelling of it exists inside.
        """
        if len(name) > _LONGEST_NAME:
            raise InputError(
                f"{source} has the file name {name[:40]!r}..., whose {len(name)} characters no path can have."
            )
        if is_inside(name) and is_file(self.root / name):
            return normpath(name)
        for parts in _spellings(name):
            path = self._follow(parts)
            if path is not None:
                return path.relative_to(self.root).as_posix()
        path_inside(self.root, name, source)
        return name

    def _follow(self, parts: list[str]) -> Path | None:
        """The file at the end of a path whose parts may differ in letter case and the form of accents."""
        path = self.root
        for part in parts:
            names = self._listing(path).get(_plain(part), [])
            if part not in names and len(names) != 1:
                return None
            path = path / (part if part in names else names[0])
        return path if is_file(path) else None

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        """The names in a folder by their plain form."""
        if folder not in self._listings:
            listing = self._listings[folder] = defaultdict(list)
            with suppress(OSError):
                for path in folder.iterdir():
                    listing[_plain(path.name)].append(path.name)
        return self._listings[folder]


def _plain(name: str) -> str:
    """A name without the differences that some file systems ignore."""
    return unicodedata.normalize("NFC", name.casefold())


def _spellings(name: str) -> Iterator[list[str]]:
    r"""Other spellings of a name, as lists of folders and a file, the likeliest first.

    Examples
    --------
    >>> list(_spellings(r"C:\photos\1a2b3c4d-cat.jpg"))
    [['C:', 'photos', '1a2b3c4d-cat.jpg'], ['photos', '1a2b3c4d-cat.jpg'], ['1a2b3c4d-cat.jpg'], ['cat.jpg']]
    """
    for text in dict.fromkeys((name, unquote(name))):
        # Label Studio names local files /data/local-files/?d=FOLDER/FILE; other queries end a URL.
        path = text.replace("\\", "/").rpartition("?d=")[2].partition("?")[0]
        parts = [part for part in path.split("/") if part not in ("", ".")]
        yield from (parts[start:] for start in range(len(parts)))
        original = re.sub("^[0-9a-f]{8}-", "", parts[-1]) if parts else ""
        if original and original != parts[-1]:
            yield [original]
