"""Lists of photographs: text files that name the images of a split, one per line."""

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import path_inside, read_text
from hypercolumns.annotations.folders import PHOTOGRAPH_SUFFIXES
from hypercolumns.errors import InputError
from hypercolumns.input_files import is_file, is_folder
from hypercolumns.parameters import DatasetParameters

_FOLDERS = ("ImageSets/Segmentation", "ImageSets/Main", "ImageSets", ".")
"""Folders of lists, below that of a data set, the likeliest first."""

_SECOND_COLUMN = re.compile(r"\s+([-+]?[01]|\S+[/\\]\S+)$")
"""A flag, as in VOC's ImageSets/Main, or the path of a mask."""

_MAX_LISTED = 10
"""Number of bad lines that a message lists."""

_LONGEST_LINE = 1000
"""In characters; longer lines are not names."""


@dataclass(frozen=True)
class ListedName:
    """A photograph that a data set names."""

    stem: str
    origin: str
    """Place of the name, such as "line 3 of ImageSets/Segmentation/train.txt"."""


def find_list(root: Path, name: str) -> Path | None:
    """Find the list `name`.txt of a data set; None if there is none."""
    paths = [root / folder / f"{name.removesuffix('.txt')}.txt" for folder in _FOLDERS]
    return next((path for path in paths if is_file(path)), None)


def val_is_folder(settings: DatasetParameters) -> bool:
    """Whether `dataset.val` is a folder of photographs to predict on.

    A list of that name comes first, except for COCO files, which have none.
    """
    has_list = settings.format != "coco" and find_list(settings.folder, settings.val) is not None
    return settings.val_list is None and is_folder(settings.folder / settings.val) and not has_list


def require_list(root: Path, name: str, key: str, cure: str = "") -> Path:
    """Find the list of a data set that the parameter `key` names; `cure` continues the advice if there is none.

    Raises
    ------
    InputError
        If `name` leads out of `root`, or there is no such list; names the lists that there are.
    """
    path_inside(root, name, key)
    path = find_list(root, name)
    if path is None:
        folders = [root / folder for folder in _FOLDERS]
        found = next(filter(None, (sorted(path.stem for path in folder.glob("*.txt")) for folder in folders[:-1])), [])
        raise InputError(
            f"{key} names the list {name!r}, but {name.removesuffix('.txt')}.txt does not exist in "
            f"{', '.join(map(str, folders[:-1]))} or {folders[-1]}. "
            + (f"Choose from the lists that exist ({', '.join(found)}), or write" if found else "Write")
            + f" a text file with the names of the photographs, one per line{cure}."
        )
    return path


def read_list(path: Path, known: Collection[str], without: str, bad_items: BadItems) -> tuple[ListedName, ...]:
    """Read a list of photographs, in the order of its lines.

    A line holds a name with or without the suffix of an image, or a path; a second column, as in VOC's
    ImageSets/Main, is not used. Among the readings of a line, the one that is known is chosen.

    Parameters
    ----------
    path
        The list.
    known
        The stems of all photographs of the data set, with composed accents (NFC).
    without
        The clause that says in messages where a photograph is missing, such as "the folder a/b has no photograph".
    bad_items
        Collector for lines that name an unknown photograph, or one that an earlier line has named.

    Raises
    ------
    InputError
        If the file is missing, not text or empty; and listing the bad lines, unless `bad_items` skips them.
    """
    first_lines: dict[str, int] = {}
    problems: list[str] = []
    for number, text, stem in _interpreted_lines(path, known):
        if stem is None:
            # A comparison with 100,000 names takes a second, so that only errors that are shown do it.
            similar = _similar(text, known) if not bad_items.skip and len(problems) < _MAX_LISTED else []
            problems.append(
                f"Line {number} of {path} names {text[:_LONGEST_LINE]!r}, but {without} of that name"
                + (f"; the most similar: {', '.join(similar)}." if similar else ".")
            )
        elif stem in first_lines:
            problems.append(f"The list {path} names {stem!r} twice, in line {first_lines[stem]} and line {number}.")
        else:
            first_lines[stem] = number
    if problems and not bad_items.skip:
        lines = problems[:_MAX_LISTED]
        if len(problems) > _MAX_LISTED:
            lines.append(f"And {len(problems) - _MAX_LISTED} more.")
        lines[-1] += " Set dataset.skip_bad to true to leave such lines out."
        raise InputError("\n".join(lines))
    for problem in problems:
        bad_items.leave_out("unusable_lines", problem)
    return tuple(ListedName(stem, f"line {number} of {path}") for stem, number in first_lines.items())


def known_stems(path: Path, known: Collection[str]) -> tuple[str, ...]:
    """The photographs that a list names and the data set has; others and repeated ones are passed over.

    Raises
    ------
    InputError
        If the file is missing, not text or empty.
    """
    return tuple(dict.fromkeys(stem for _, _, stem in _interpreted_lines(path, known) if stem is not None))


def _interpreted_lines(path: Path, known: Collection[str]) -> Iterator[tuple[int, str, str | None]]:
    """Number, text and stem of every line that is not blank; the stem is None if no reading is known."""
    known = frozenset(known)
    lines = [line.strip() for line in read_text(path, "list of photographs").splitlines()]
    if not any(lines):
        raise InputError(f"The list of photographs {path} is empty; it must name at least one.")
    for number, text in enumerate(lines, start=1):
        if text:
            yield number, text, next((reading for reading in _readings(text) if reading in known), None)


def _readings(text: str) -> Iterator[str]:
    """Stems that a line may mean, the most literal first.

    Examples
    --------
    >>> list(_readings("JPEGImages/photo 1.jpg"))
    ['JPEGImages/photo 1.jpg', 'JPEGImages/photo 1', 'photo 1.jpg', 'photo 1']
    """
    if len(text) > _LONGEST_LINE:
        return
    for entry in dict.fromkeys((text, _SECOND_COLUMN.sub("", text))):
        path = PurePosixPath(unicodedata.normalize("NFC", entry.strip('"').replace("\\", "/")))
        for start in range(len(path.parts)):
            tail = PurePosixPath(*path.parts[start:])
            yield str(tail)
            if tail.suffix.lower() in PHOTOGRAPH_SUFFIXES:
                yield str(tail.with_suffix(""))


def _similar(text: str, known: Collection[str]) -> list[str]:
    """Known names like the shortest reading of a line, also in another letter case."""
    by_spelling = {name.casefold(): name for name in known}
    name = min(_readings(text), key=len, default="").casefold()
    return [by_spelling[spelling] for spelling in difflib.get_close_matches(name, by_spelling)]
