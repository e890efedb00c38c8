"""File access that readers share: paths inside the data set, text, images, XML and a thread pool."""

import codecs
import math
import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from xml.etree.ElementTree import Element

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException
from tqdm import tqdm

from hypercolumns.annotations.photographs.opening import open_of_any_size
from hypercolumns.annotations.photographs.orientation import stored_size
from hypercolumns.errors import InputError
from hypercolumns.input_files import is_file, is_folder, is_inside, read_bytes

Item = TypeVar("Item")
Result = TypeVar("Result")

_LARGEST_TEXT = 64 * 2**20
_LARGEST_XML = 10 * 2**20
"""In bytes; a file about one photograph has a few thousand."""


def path_inside(root: Path, name: str, source: str) -> Path:
    """Join `root` and `name`, refusing names that lead out of `root`.

    Parameters
    ----------
    root
        A folder of the data set.
    name
        A relative path from a file or parameter.
    source
        The file or parameter that contains `name`, for the message.

    Raises
    ------
    InputError
        If `name` is empty or absolute, or climbs out of `root` with "..".

    Examples
    --------
    >>> path_inside(Path("coco"), "val2017/0001.jpg", "a list").as_posix()
    'coco/val2017/0001.jpg'
    """
    if not is_inside(name):
        raise InputError(f"{source} names {name!r}, which is not a relative path that stays inside {root}.")
    return root / name


def existing_path(root: Path, name: str, key: str, cure: str = "") -> Path:
    """Path of the file or folder `root / name` that the parameter `key` names; `cure` ends the message.

    Raises
    ------
    InputError
        As `path_inside`, and if the path does not exist.
    """
    path = path_inside(root, name, key)
    if not (is_file(path) or is_folder(path)):
        raise InputError(f"{key} names {name!r}, but {path} does not exist{cure and f'; {cure}'}.")
    return path


def existing_folder(root: Path, name: str, key: str) -> Path:
    """Path of the folder `root / name` that the parameter `key` names.

    Raises
    ------
    InputError
        As `existing_path`, and if the path is a file.
    """
    path = existing_path(root, name, key)
    if not is_folder(path):
        raise InputError(f"{key} names {name!r}, but {path} is not a folder.")
    return path


def require_folder(path: Path, label: str) -> Path:
    """Return `path` if it is a folder; `label` says in the message which part of the data set's layout it is.

    Raises
    ------
    InputError
        If the folder does not exist; the message points to `dataset.root`.
    """
    if not is_folder(path):
        raise InputError(f"The folder {path} ({label}) does not exist; set dataset.root to the data set's folder.")
    return path


def read_text(path: Path, label: str) -> str:
    """Read a text file in UTF-8, or in UTF-16 if it begins with a byte order mark; `label` says what it is.

    Raises
    ------
    InputError
        If the file is missing or in another encoding.
    """
    try:
        content = read_bytes(path, _LARGEST_TEXT)
        is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The {label} {path} cannot be read as text in UTF-8 or UTF-16 ({error.reason}); save it in UTF-8."
        ) from None
    except OSError as error:
        raise InputError(f"The {label} {path} cannot be read: {error}.") from None


def require_unique(clause: str, values: Iterable[Hashable]) -> None:
    """Refuse `values` if one occurs twice; `clause` begins the message, up to the repeated value.

    Raises
    ------
    InputError
        Naming the first repeated value.
    """
    seen = set()
    for value in values:
        if value in seen:
            raise InputError(f"{clause} {value!r} twice.")
        seen.add(value)


def image_size(path: Path) -> tuple[int, int]:
    """Read the width and height of an annotated photograph from its header, as it is stored.

    Raises
    ------
    InputError
        If the file is missing or not an image.
    """
    with open_of_any_size(path, if_missing="does not exist, but the data set has annotations for it") as image:
        return stored_size(image)


def read_xml(path: Path, label: str) -> Element:
    """Read an XML file and return its root element; `label` says in the message what it should be.

    Raises
    ------
    InputError
        If the file is missing, is not XML or declares entities.
    """
    try:
        return defusedxml.ElementTree.fromstring(read_bytes(path, _LARGEST_XML))
    except FileNotFoundError:
        raise InputError(f"The annotation {path} does not exist.") from None
    # Expat looks encodings up by name, hence LookupError.
    except (OSError, SyntaxError, ValueError, LookupError, DefusedXmlException) as error:
        raise InputError(f"{path} is not {label}: {error}.") from None


def number_or_nan(text: str) -> float:
    """Read a number from XML; NaN if `text` is not a number."""
    try:
        # Python also reads digits of other scripts and 1_000, which are typing errors here.
        return float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return math.nan


def size_mismatch(subject: str, size: tuple[int, int], photograph: tuple[int, int]) -> str:
    """Word the message for a mask or annotation that does not fit its photograph; sizes are (width, height).

    Examples
    --------
    >>> size_mismatch("The mask a.png", (30, 40), (40, 30))
    'The mask a.png is 30 x 40 pixels, but its photograph is 40 x 30.'
    """
    return f"{subject} is {size[0]} x {size[1]} pixels, but its photograph is {photograph[0]} x {photograph[1]}."


def map_in_threads(function: Callable[[Item], Result], items: Sequence[Item], description: str) -> list[Result]:
    """Apply `function` to every item in a thread pool and return the results in order.

    Decoding and drawing images release Python's lock, so threads run in parallel. Results do not depend on the
    number of threads. A progress bar named `description` is shown on stderr.

    Raises
    ------
    Exception
        The first error of `function`, in the order of the items; calls that have not started are cancelled.

    Examples
    --------
    >>> map_in_threads(abs, [-1, 2, -3], "absolute values")
    [1, 2, 3]
    """
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        try:
            return list(
                tqdm(pool.map(function, items), total=len(items), desc=description, unit="image", mininterval=0.5)
            )
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
