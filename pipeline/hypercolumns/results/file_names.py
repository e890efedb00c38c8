"""File names of results, one for each photograph."""

import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from hypercolumns.annotations.model import Image
from hypercolumns.errors import InputError
from hypercolumns.input_files import is_file


def stem(image: Image) -> str:
    """The file name of a photograph without its suffix, folders included.

    Examples
    --------
    >>> stem(Image(1, "garden/cat.jpg", 500, 375))
    'garden/cat'
    """
    return PurePosixPath(image.file_name).with_suffix("").as_posix()


def flat_stem(image: Image) -> str:
    """As `stem`, with folders joined to the name, for formats without folders.

    Examples
    --------
    >>> flat_stem(Image(1, "garden/cat.jpg", 500, 375))
    'garden_cat'
    """
    return stem(image).replace("/", "_")


def require_different(images: Iterable[Image], name: dict[int, str]) -> None:
    """Refuse photographs whose results would have the same file name; `name` has it for the id of each.

    Letter case does not make a difference, since some file systems ignore it.

    Raises
    ------
    InputError
        Naming two photographs.
    """
    first: dict[str, Image] = {}
    for image in images:
        other = first.setdefault(name[image.id].casefold(), image)
        if other is not image:
            raise InputError(
                f"The photographs {other.file_name!r} and {image.file_name!r} would both have the results "
                f"{name[image.id]!r} in this format; rename one."
            )


def copy_photographs(source: Path, images: Iterable[Image], target: Path, names: dict[int, str]) -> None:
    """Copy photographs to the path below `target` that `names` has for the id of each.

    Raises
    ------
    InputError
        If `source` lacks one.
    """
    for image in images:
        path = source / image.file_name
        if not is_file(path):
            raise InputError(f"The photograph {path} does not exist; --photographs names the folder of all of them.")
        copy = target / names[image.id]
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
