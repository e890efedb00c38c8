"""Finding photographs by the file names that annotation tools write."""

import unicodedata
from collections.abc import Iterator
from os.path import normpath
from pathlib import Path
from urllib.parse import unquote

from hypercolumns.annotations.files import is_inside, path_inside
from hypercolumns.errors import InputError
from hypercolumns.input_files import is_file

_LONGEST_NAME = 4096
"""In characters: the limit for paths on Linux, and more than other systems allow."""


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
    The path relative to `root` of a file that exists, without "./" or a slash at its end; `name` itself if no spelling
    does.

    Raises
    ------
    InputError
        If `name` is too long, or leads out of `root` and no spelling of it exists inside.
    """
    if len(name) > _LONGEST_NAME:
        raise InputError(f"{source} has the file name {name[:40]!r}..., whose {len(name)} characters no path can have.")
    if is_inside(name) and is_file(Path(root, name)):
        return normpath(name)
    for spelling in dict.fromkeys(_spellings(name)):
        if is_inside(spelling) and is_file(Path(root, spelling)):
            return normpath(spelling)
    path_inside(root, name, source)
    return name


def _spellings(name: str) -> Iterator[str]:
    """Other spellings of a name, the likeliest first."""
    whole = [name, name.replace("\\", "/")]
    whole += [unquote(spelling) for spelling in whole]
    yield from whole
    for form in ("NFC", "NFD"):
        yield from (unicodedata.normalize(form, spelling) for spelling in whole)
    folders = unquote(name.replace("\\", "/")).split("/")
    yield from ("/".join(folders[start:]) for start in range(1, len(folders)))
