"""What every reader of a data set needs: paths that stay inside its folder, list files, label images, XML, pools."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeVar
from xml.etree.ElementTree import Element

import defusedxml.ElementTree
import numpy as np
from defusedxml.common import DefusedXmlException
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from hypercolumns.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for files that are truncated, broken, absurdly large or no image."""


def inside(root: Path, name: str, source: str) -> Path:
    """The path `root / name`, where `name` was read from `source`.

    Raises
    ------
    InputError
        When `name` is empty, absolute or climbs out of `root` with "..".
    """
    readings = (PurePosixPath(name), PureWindowsPath(name))
    escapes = any(reading.anchor or ".." in reading.parts for reading in readings)
    if not name.strip() or "\0" in name or escapes:
        raise InputError(f"{source} names {name!r}, which is no relative path that stays inside {root}.")
    return root / name


def named(root: Path, name: str, key: str) -> Path:
    """The file or folder `root / name`, which the parameter `key` names; `InputError` as `inside`, or without it."""
    path = inside(root, name, key)
    if not path.exists():
        raise InputError(f"{key} names {name!r}, but {path} does not exist.")
    return path


def named_folder(root: Path, name: str, key: str) -> Path:
    """The folder `root / name`, which the parameter `key` names; `InputError` as `named`, or when it is a file."""
    path = named(root, name, key)
    if not path.is_dir():
        raise InputError(f"{key} names {name!r}, but {path} is no folder.")
    return path


def require_folder(path: Path, meaning: str) -> Path:
    """`path` itself, or an `InputError` that says which folder of the layout below `dataset.root` is missing."""
    if not path.is_dir():
        raise InputError(f"The folder {path} ({meaning}) does not exist; set dataset.root to the data set's folder.")
    return path


def read_stems(path: Path) -> tuple[str, ...]:
    """The image names in a list file, one a line, in file order.

    Raises
    ------
    InputError
        When the file is missing or no text, lists no image, lists one twice or names a path outside the data set.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The list of images {path} cannot be read: {error}.") from None
    stems = tuple(line.strip() for line in lines if line.strip())
    if not stems:
        raise InputError(f"The list of images {path} is empty; it must name at least one image.")
    seen: set[str] = set()
    for stem in stems:
        inside(path.parent, stem, f"The list of images {path}")
        if stem in seen:
            raise InputError(f"The list of images {path} names {stem!r} twice.")
        seen.add(stem)
    return stems


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of a photograph from its header; `InputError` when it is missing or no image."""
    try:
        with Image.open(path) as image:
            return image.size
    except FileNotFoundError:
        raise InputError(f"The photograph {path} does not exist, but the data set has annotations for it.") from None
    except UNREADABLE as error:
        raise InputError(f"The photograph {path} cannot be read: {error}.") from None


def read_labels(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A label image (palette or grey PNG) as a (height, width) array of its indices.

    Raises
    ------
    InputError
        When the file is missing, broken, has colours instead of indices, or is not of `size` (width, height).
    """
    try:
        with Image.open(path) as image:
            if image.mode not in ("P", "L"):
                raise InputError(
                    f"The mask {path} has mode {image.mode!r}; it must be a palette or an 8-bit grey PNG, "
                    "whose values are numbers of objects or categories."
                )
            if image.size != size:
                raise InputError(other_size(f"The mask {path}", image.size, size))
            return np.asarray(image)
    except FileNotFoundError:
        raise InputError(f"The mask {path} does not exist.") from None
    except InputError:
        raise
    except UNREADABLE as error:
        raise InputError(f"The mask {path} cannot be read: {error}.") from None


def read_xml(path: Path, meaning: str) -> Element:
    """The root of an XML file; `InputError` when it is missing, broken or has entities; `meaning` says what it is."""
    try:
        return defusedxml.ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise InputError(f"The annotation {path} does not exist.") from None
    # Expat looks up encodings by name, hence LookupError.
    except (OSError, SyntaxError, ValueError, LookupError, DefusedXmlException) as error:
        raise InputError(f"{path} is no {meaning}: {error}.") from None


def other_size(what: str, size: tuple[int, int], photograph: tuple[int, int]) -> str:
    """The message for a mask that does not fit its photograph; sizes are (width, height)."""
    return f"{what} is {size[0]} x {size[1]} pixels, but its photograph is {photograph[0]} x {photograph[1]}."


def each(function: Callable[[Item], Result], items: Sequence[Item], doing: str) -> list[Result]:
    """`function` of every item, in order, on a pool of threads, with a progress bar on stderr.

    Decoding images and painting release Python's lock, so threads pay; results do not depend on their number.
    The first error ends the work.
    """
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        results: Iterable[Result] = pool.map(function, items)
        try:
            return list(tqdm(results, total=len(items), desc=doing, unit="image", mininterval=0.5))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
