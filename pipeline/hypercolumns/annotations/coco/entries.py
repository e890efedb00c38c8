"""The JSON of a COCO annotation file: its lists, and the entries of each, with the types that their fields may have."""

import codecs
import json
import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hypercolumns.annotations.coco.foreign import advice, advice_for_folder, require_objects
from hypercolumns.errors import InputError
from hypercolumns.input_files import read_bytes

Id = int | float | str | None
"""Files of other tools also have names as ids, and numbers with a decimal point."""

Flag = int | bool | float | str | None

Entry = TypeVar("Entry")

ABSENT = msgspec.Raw()
"""A field that the file does not have."""

_NOT_FINITE = re.compile(rb"([:,\[]\s*)(?:NaN|-?Infinity)(?=\s*[,\]}])")
"""A value that JSON does not have. In a text the same letters are replaced only between two commas."""

_MAX_ABSENT = 100
"""Most bytes of a field that says nothing, with white space."""


class CategoryEntry(msgspec.Struct, gc=False):
    """A category as the file lists it."""

    id: Id
    name: str
    supercategory: Any = None
    keypoints: msgspec.Raw = ABSENT
    skeleton: msgspec.Raw = ABSENT
    parts: msgspec.Raw = ABSENT


class ImageEntry(msgspec.Struct, gc=False):
    """An image as the file lists it; some tools leave out its size, or write 0 or -1, and LVIS leaves out its name."""

    id: Id
    file_name: str | None = None
    coco_url: Any = None
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
    attributes: msgspec.Raw = ABSENT


class AttributesEntry(msgspec.Struct, gc=False):
    """The attributes that CVAT adds to an annotation."""

    rotation: float = 0.0
    """Degrees by which `bbox` is turned about its centre."""
    occluded: bool | None = None


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
    if path.is_dir():
        raise InputError(f"The annotation file {path} is a folder; {advice_for_folder(path)}.")
    try:
        raw = read_bytes(path)
    except OSError as error:
        raise InputError(f"The annotation file {path} cannot be read: {error}.") from None
    try:
        content = _parse(raw)
    except msgspec.ValidationError as error:
        reason = explain(error, "its content")
        raise InputError(f"{path} is not a COCO annotation file: {reason}; {advice(raw)}.") from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise InputError(f"{path} is not a COCO annotation file: {error}; {advice(raw)}.") from None
    if not content.images:
        raise InputError(f"{path} is not a COCO annotation file: it lists no images; {advice(raw)}.")
    require_objects(content.annotations or [], path)
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
    except msgspec.DecodeError as error:
        raise InputError(f"{where}: {explain(error)}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{where}: it has letters that are not in UTF-8; save the file in UTF-8.") from None
    except RecursionError:
        raise InputError(f"{where}: its lists are nested too deeply.") from None


def read_attributes(raw: msgspec.Raw) -> AttributesEntry:
    """Decode the field `attributes` of an annotation, of which any tool may write its own; defaults for others."""
    try:
        return AttributesEntry() if is_absent(raw) else msgspec.json.decode(raw, type=AttributesEntry)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return AttributesEntry()


def is_absent(raw: msgspec.Raw) -> bool:
    """Whether a field is missing, null or empty, which other tools write for what they do not know."""
    if len(memoryview(raw)) > _MAX_ABSENT:
        return False
    return b"".join(bytes(raw).split()) in (b"", b"null", b"[]", b"{}", b'""', b"[[]]")


def explain(error: Exception, subject: str = "the entry") -> str:
    """Word an error of msgspec for someone who writes a data set; `subject` is what was decoded.

    Examples
    --------
    >>> explain(msgspec.ValidationError("Expected `int | null`, got `str` - at `$.images[2].width`"))
    'images[2].width must be int or null, not str'
    """
    message, _, place = str(error).partition(" - at `$")
    place = place.strip("`.") or subject
    missing = re.fullmatch("Object missing required field `(.+)`", message)
    if missing:
        return f"{place} has no {missing[1]!r}"
    expected = re.fullmatch(r"Expected `(.+)`, got `(.+)`", message)
    if expected:
        return f"{place} must be {expected[1].replace(' | ', ' or ')}, not {expected[2]}"
    return f"{place}: {message[:1].lower()}{message[1:].replace('`', chr(39))}"


def _parse(raw: bytes) -> Content:
    """Parse a file; one that is not JSON is parsed again as Python does.

    Python's parser accepts UTF-16, but takes 20 times as long and much more memory. NaN and infinity, which pandas
    writes for missing values, become null, so that they count as absent, and a byte order mark is cut off.
    """
    raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        try:
            return msgspec.json.decode(raw, type=Content)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError):
            return msgspec.json.decode(_NOT_FINITE.sub(rb"\1null", raw), type=Content)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        entries = json.loads(raw, parse_constant=lambda _: None)
        return msgspec.json.decode(msgspec.json.encode(entries), type=Content)
