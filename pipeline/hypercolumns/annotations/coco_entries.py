"""The JSON of a COCO annotation file: its lists, and the entries of each, with the types that their fields may have."""

import json
import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hypercolumns.errors import InputError
from hypercolumns.input_files import read_bytes

Id = int | float | str | None
"""Files of other tools also have names as ids, and numbers with a decimal point."""

Flag = int | bool | float | str | None

Entry = TypeVar("Entry")

ABSENT = msgspec.Raw()
"""A field that the file does not have."""

_FOREIGN = {
    "_via_img_metadata": "a project of the VGG Image Annotator: choose Annotation > Export Annotations (COCO format)",
    "shapes": "an annotation of Labelme, one photograph per file: join them with labelme2coco or labelme2voc",
    "flags": "an annotation of Labelme, one photograph per file: join them with labelme2coco or labelme2voc",
    "samples": "a FiftyOne dataset: export it as fiftyone.types.COCODetectionDataset",
}
"""Keys of the JSON files of other tools, and how these tools write COCO."""


class CategoryEntry(msgspec.Struct, gc=False):
    """A category as the file lists it."""

    id: Id
    name: str
    keypoints: msgspec.Raw = ABSENT
    skeleton: msgspec.Raw = ABSENT
    parts: msgspec.Raw = ABSENT


class ImageEntry(msgspec.Struct, gc=False):
    """An image as the file lists it; some tools leave out its size, or write 0."""

    id: Id
    file_name: str
    width: int | float | None = None
    height: int | float | None = None


class AnnotationEntry(msgspec.Struct, gc=False):
    """An annotation as the file lists it; fields that a task may do without are decoded later."""

    image_id: Id
    category_id: Id
    id: Id = None
    segmentation: msgspec.Raw = ABSENT
    bbox: msgspec.Raw = ABSENT
    area: msgspec.Raw = ABSENT
    iscrowd: Flag = 0
    difficult: msgspec.Raw = ABSENT
    keypoints: msgspec.Raw = ABSENT
    parts: msgspec.Raw = ABSENT


class RunLengthCode(msgspec.Struct, gc=False):
    """A mask as a run-length code, compressed or not."""

    size: tuple[int, int]
    counts: str | list[int]


class PartEntry(msgspec.Struct, gc=False):
    """A named part of an annotation: ours, not COCO's."""

    name: str
    segmentation: msgspec.Raw


class Content(msgspec.Struct):
    """The lists of a file; entries stay JSON until each is decoded alone, so that a bad one costs no other."""

    images: list[msgspec.Raw] | None = None
    categories: list[msgspec.Raw] | None = None
    annotations: list[msgspec.Raw] | None = None


def read_content(path: Path) -> Content:
    """Read the lists of a COCO file.

    Raises
    ------
    InputError
        If the file is missing, is not JSON, or has no list of images; tells which other tool may have written it.
    """
    try:
        raw = read_bytes(path)
    except OSError as error:
        raise InputError(f"The annotation file {path} cannot be read: {error}.") from None
    try:
        content = msgspec.json.decode(raw, type=Content)
    except msgspec.ValidationError as error:
        raise InputError(f"{path} is not a COCO annotation file: {explain(error)}{_hint(raw)}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        content = _reread(raw, path)
    except RecursionError:
        raise InputError(f"{path} is not a COCO annotation file: its lists are nested too deeply.") from None
    if not content.images:
        raise InputError(f"{path} is not a COCO annotation file: it lists no images{_hint(raw)}.")
    return content


def decode(kind: type[Entry], raw: msgspec.Raw, where: str) -> Entry:
    """Decode an entry or field; `where` begins the message.

    Raises
    ------
    InputError
        Naming the field whose type is wrong.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{where}: {explain(error)}.") from None
    except RecursionError:
        raise InputError(f"{where}: its lists are nested too deeply.") from None


def is_absent(raw: msgspec.Raw) -> bool:
    """Whether a field is missing, null or empty, which other tools write for what they do not know."""
    return len(memoryview(raw)) <= 4 and bytes(raw) in (b"", b"null", b"[]", b"{}", b'""', b"[[]]")


def explain(error: Exception) -> str:
    """Word an error of msgspec for someone who writes a data set.

    Examples
    --------
    >>> explain(msgspec.ValidationError("Expected `int | null`, got `str` - at `$.images[2].width`"))
    'images[2].width must be int or null, not str'
    """
    message, _, place = str(error).partition(" - at `$")
    place = place.strip("`.") or "the entry"
    missing = re.fullmatch("Object missing required field `(.+)`", message)
    if missing:
        return f"{place} has no {missing[1]!r}"
    expected = re.fullmatch(r"Expected `(.+)`, got `(.+)`", message)
    if expected:
        return f"{place} must be {expected[1].replace(' | ', ' or ')}, not {expected[2]}"
    return f"{place}: {message[:1].lower()}{message[1:].replace('`', chr(39))}"


def _reread(raw: bytes, path: Path) -> Content:
    """Read a file with NaN, which is not JSON but what pandas writes for a missing value, or in UTF-16 or with a BOM.

    NaN and infinity become null, so that they count as absent.
    """
    try:
        entries: Any = json.loads(raw, parse_constant=lambda _: None)
        return msgspec.json.decode(msgspec.json.encode(entries), type=Content)
    except msgspec.ValidationError as error:
        raise InputError(f"{path} is not a COCO annotation file: {explain(error)}.") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a COCO annotation file: {error}.") from None


def _hint(raw: bytes) -> str:
    """Name the tool whose file this seems to be, and its way to write COCO; empty if it is not recognised."""
    try:
        entries = json.loads(raw)
    except (ValueError, RecursionError):
        return ""
    if isinstance(entries, list) and entries and isinstance(entries[0], dict):
        if "data" in entries[0] or "completed_by" in entries[0]:
            return "; it seems to be an export of Label Studio in its own format: choose COCO when exporting"
        if "score" in entries[0]:
            return "; it seems to hold results, which belong in detection.file"
    if isinstance(entries, dict):
        first = next(iter(entries.values()), None)
        if isinstance(first, dict) and {"filename", "regions"} <= set(first):
            return f"; it seems to be {_FOREIGN['_via_img_metadata']}"
        return next((f"; it seems to be {text}" for key, text in _FOREIGN.items() if key in entries), "")
    return ""
