"""The classes of a data set in VOC layout by their value in class masks, as parameters and text files name them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hypercolumns.annotations.files import read_text
from hypercolumns.annotations.label_images import VOID, Colour, voc_colour
from hypercolumns.annotations.label_maps import VOC_NAMES
from hypercolumns.annotations.model import Category
from hypercolumns.annotations.valid_names import require_name
from hypercolumns.errors import InputError
from hypercolumns.input_files import is_file

_BACKGROUND = {"background", "bg", "unlabeled", "unlabelled"}
_VOID = {"void", "ignore", "ignored"}
_BLACK = (0, 0, 0)

CURE = "set dataset.class_names to the names of the classes in the order of their numbers"
"""How to end a contradiction between names, as a clause."""


@dataclass(frozen=True)
class ClassTable:
    """The names of classes, and the colours that stand for them in class masks."""

    names: Mapping[int, str]
    """Names by the value of the class in a mask."""
    source: str
    """Origin of the names, for messages."""
    colours: Mapping[Colour, int] = field(default_factory=dict)
    """Values by colour; empty if nothing says them."""

    @property
    def categories(self) -> tuple[Category, ...]:
        """The classes in order of their value, which is the id."""
        return tuple(Category(value, self.names[value]) for value in sorted(self.names))


VOC_TABLE = ClassTable(dict(enumerate(VOC_NAMES, start=1)), "PASCAL VOC")

ASSUMED_TABLE = ClassTable(VOC_TABLE.names, VOC_TABLE.source)
"""VOC's classes where nothing names them."""


def plain(name: str) -> str:
    """A name without case, spaces, hyphens and underscores, to compare spellings.

    Examples
    --------
    >>> plain("Potted plant") == plain("pottedplant")
    True
    """
    return re.sub(r"[\s_-]+", "", name).casefold()


def named_table(root: Path, class_names: Sequence[str]) -> ClassTable | None:
    """Read the classes that `dataset.class_names`, `labelmap.txt` or `class_names.txt` name, in this order.

    Returns
    -------
    The classes, with the colours of `labelmap.txt`; None if nothing names them.

    Raises
    ------
    InputError
        If a name or colour occurs twice or cannot be read, or the two files disagree.
    """
    map_path, names_path = root / "labelmap.txt", root / "class_names.txt"
    labels = read_labelmap(map_path) if is_file(map_path) else None
    if class_names:
        source = "dataset.class_names"
        return ClassTable(_numbered(class_names, source), source, labels.colours if labels else {})
    listed = read_class_names(names_path) if is_file(names_path) else None
    if labels and listed:
        _refuse_disagreement(labels, listed)
    return labels or listed


def read_labelmap(path: Path) -> ClassTable:
    """Read a labelmap.txt of CVAT or Datumaro: lines `name:red,green,blue:parts:actions`, and comments after "#".

    Classes are numbered 1, 2, ... in the order of lines, without the background and void. A class without a colour
    has VOC's for its number.

    Raises
    ------
    InputError
        If a line cannot be read, a name or colour occurs twice, or a class has the colour of the background.
    """
    names: list[str] = []
    given: dict[Colour, str] = {}
    for number, line in enumerate(read_text(path, "list of classes").splitlines(), start=1):
        name, _, rest = line.strip().partition(":")
        if not name or name.startswith("#"):
            continue
        colour = _colour(rest.partition(":")[0], f"Line {number} of {path}")
        if colour is not None and colour in given:
            raise InputError(f"{path} gives {given[colour]!r} and {name!r} the same colour, {rest.partition(':')[0]}.")
        if plain(name) not in _BACKGROUND | _VOID:
            if colour == _BLACK:
                raise InputError(
                    f"Line {number} of {path} gives {name!r} the colour 0,0,0, which is that of the background. "
                    "Give the class another one, or call it background."
                )
            names.append(name)
        if colour is not None:
            given[colour] = name
    table = _numbered(names, str(path))
    values = {name: value for value, name in table.items()}
    colours = {_BLACK: 0, voc_colour(VOID): VOID}
    colours |= {colour: values.get(name, VOID if plain(name) in _VOID else 0) for colour, name in given.items()}
    for value, name in table.items():
        if name not in given.values():
            colours.setdefault(voc_colour(value), value)
    return ClassTable(table, str(path), colours if given else {})


def read_class_names(path: Path) -> ClassTable:
    """Read a class_names.txt of labelme2voc: one name per line, `_background_` first, `__ignore__` before it or absent.

    Raises
    ------
    InputError
        If a name occurs twice, the background is not first, or a line between names is blank.
    """
    names = [line.strip() for line in read_text(path, "list of classes").rstrip().splitlines()]
    if "" in names:
        raise InputError(f"Line {names.index('') + 1} of {path} is blank; lines are counted to number the classes.")
    return ClassTable(_numbered(names, str(path)), str(path))


def _numbered(names: Sequence[str], source: str) -> dict[int, str]:
    """Number names 1, 2, ...; void and the background may come first."""
    classes = list(names)
    for special in (_VOID, _BACKGROUND):
        if classes and plain(classes[0]) in special:
            del classes[0]
    if not 1 <= len(classes) < VOID:
        raise InputError(f"{source} names {len(classes)} classes; a mask holds 1 to {VOID - 1}.")
    spellings = [plain(name) for name in classes]
    for index, spelling in enumerate(spellings):
        if not re.search(r"\w", spelling):
            raise InputError(f"{source} names a class {classes[index]!r}; a name needs a letter or digit.")
        if spelling in _BACKGROUND:
            raise InputError(f"{source} names the background {classes[index]!r} after a class; it has the number 0.")
        if spelling in spellings[:index]:
            raise InputError(f"{source} names the class {classes[index]!r} twice.")
        require_name(classes[index], f"{source}: a class")
    return dict(enumerate(classes, start=1))


def _refuse_disagreement(first: ClassTable, second: ClassTable) -> None:
    for value in sorted({*first.names, *second.names}):
        one, two = first.names.get(value), second.names.get(value)
        if one is None or two is None or plain(one) != plain(two):
            raise InputError(
                f"{first.source} and {second.source} contradict each other: the class {value} is "
                f"{one or 'missing'!r} in one and {two or 'missing'!r} in the other. Correct one, or {CURE}."
            )


def _colour(text: str, where: str) -> Colour | None:
    """Read red, green and blue, separated by commas; None if `text` is empty."""
    if not text.strip():
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(re.fullmatch("[0-9]{1,3}", part) and int(part) <= 255 for part in parts):
        raise InputError(f"{where} has the colour {text[:50]!r}; it must be red,green,blue, each 0 to 255.")
    red, green, blue = map(int, parts)
    return red, green, blue
