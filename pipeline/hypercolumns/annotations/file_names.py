"""Finding photographs by the file names that annotation tools write."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from hypercolumns.annotations.files import path_inside
from hypercolumns.errors import InputError


def find_photograph(root: Path, name: str, source: str) -> str:
    """Find the photograph that an annotation file names.

    A name that does not exist below `root` is tried with other spellings: backslashes as separators, percent codes of
    a URL decoded, accents composed or decomposed, and without its first folders, which may be those of another
    computer.

    Parameters
    ----------
    root
        The folder of photographs.
    name
        The name in the annotation file.
    source
        The place of `name`, for the message.

    Returns
    -------
    The path relative to `root` of a file that exists; `name` itself if no spelling does.

    Raises
    ------
    InputError
        If `name` leads out of `root` and no spelling of it exists inside.
    """
    found = next((spelling for spelling in _spellings(name) if _exists(root, spelling)), None)
    if found is not None:
        return found
    path_inside(root, name, source)
    return name


def _spellings(name: str) -> Iterator[str]:
    """The name and its other spellings, the likeliest first."""
    yield name
    whole = [name, name.replace("\\", "/")]
    whole += [unquote(spelling) for spelling in whole]
    yield from whole[1:]
    for form in ("NFC", "NFD"):
        yield from (unicodedata.normalize(form, spelling) for spelling in whole)
    folders = unquote(name.replace("\\", "/")).split("/")
    yield from ("/".join(folders[start:]) for start in range(1, len(folders)))


def _exists(root: Path, name: str) -> bool:
    try:
        return path_inside(root, name, "").is_file()
    except (InputError, OSError, ValueError):
        return False
