"""The head of a file of annotations, which describes its data set, readable without the annotations."""

from pathlib import Path

import msgspec

from hypercolumns.errors import InputError
from hypercolumns.input_files import is_file

_LONGEST = 1 << 20
"""Bytes of the longest first line of a file that is read alone."""


class Info(msgspec.Struct):
    """Description of a data set in the head of its file of annotations."""

    description: str
    image_root: str
    counts: dict[str, int]


def read_info(path: Path) -> Info:
    """Read what a file that `AnnotationSet.save` wrote says about its data set; only its first line is read.

    Raises
    ------
    InputError
        If the file is missing or begins otherwise.
    """
    if not is_file(path):
        raise InputError(f"{path} is not a file.", "prepare")
    try:
        with path.open("rb") as stream:
            line = stream.readline(_LONGEST).rstrip(b",\n")
        return msgspec.json.decode(line.removeprefix(b'{"info":'), type=Info)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not an annotation file of this project ({error}).", "prepare") from None
