"""Recognising files that are not COCO annotations: the tool that wrote one, and how it writes COCO."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from hypercolumns.errors import InputError

_CURE = "name a JSON file with images, annotations and categories; annotation tools call this export COCO"

_BLANKS = b"\xef\xbb\xbf \t\r\n"
"""White space and the byte order mark of UTF-8."""

_BEGINNINGS = {
    b"PK\x03\x04": "a zip archive: unpack it and name the JSON file in it",
    b"<": "XML. From CVAT, export COCO 1.0 instead; for files in the layout of PASCAL VOC set dataset.format to voc",
}
"""First bytes of other files, and what to do with them."""

_KEYS = {
    "_via_img_metadata": "a project of the VGG Image Annotator: choose Annotation > Export Annotations (COCO format)",
    "view": "a project of the VGG Image Annotator 3: export it as COCO",
    "shapes": "an annotation of Labelme, one photograph per file: join them with labelme2coco",
    "samples": "a FiftyOne dataset: export it as fiftyone.types.COCODetectionDataset",
    "labels": "a FiftyOne dataset: export it as fiftyone.types.COCODetectionDataset",
    "items": "Datumaro's format: from CVAT, export COCO 1.0 instead",
}
"""Keys of JSON objects of other tools, and how these tools write COCO."""

_LABEL_STUDIO = "an export of Label Studio in its own format: choose COCO instead"

_ENTRY_KEYS = {
    "completed_by": _LABEL_STUDIO,
    "annotation_id": _LABEL_STUDIO,
    "data": _LABEL_STUDIO,
    "score": "a list of results, which belongs in detection.file",
}
"""Keys in the first entry of JSON lists of other tools."""

_OTHER_TASKS = {
    "segments_info": "a COCO panoptic file, whose masks are in PNG files: name the file of instances",
    "caption": "a COCO file of captions: name the file of instances or keypoints",
}
"""Keys of annotations in COCO files without objects."""


def advice(raw: bytes) -> str:
    """Say which tool wrote a file that is not COCO, and how it writes COCO, as the end of a sentence.

    Examples
    --------
    >>> advice(b'{"version": "5.4", "shapes": [], "imagePath": "a.jpg"}')
    'it seems to be an annotation of Labelme, one photograph per file: join them with labelme2coco'
    """
    text = next((text for start, text in _BEGINNINGS.items() if raw.lstrip(_BLANKS).startswith(start)), None)
    try:
        text = text or _recognise(json.loads(raw))
    except UnicodeDecodeError:
        return "save it in UTF-8"
    except (ValueError, RecursionError):
        return _CURE
    return f"it seems to be {text}" if text else _CURE


def advice_for_folder(path: Path) -> str:
    """Say which file in the folder `path` may be the annotation file, as the end of a sentence."""
    found = list(path.glob("*.json"))
    return f"name a file, such as {found[0].name} in it" if len(found) == 1 else _CURE


def require_objects(annotations: Sequence[msgspec.Raw], path: Path) -> None:
    """Refuse a COCO file whose annotations are not objects, judging by the first one.

    Raises
    ------
    InputError
        Naming `path` and the file to use instead.
    """
    try:
        first = msgspec.json.decode(annotations[0], type=dict[str, msgspec.Raw]) if annotations else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return  # reading the annotation names what is wrong with it
    text = next((text for key, text in _OTHER_TASKS.items() if key in first and "category_id" not in first), None)
    if text:
        raise InputError(f"{path} seems to be {text}.")


def _recognise(content: Any) -> str | None:
    """Name the tool that writes such JSON, and its way to write COCO; None if it is not known."""
    if isinstance(content, list) and content and isinstance(content[0], dict):
        return next((text for key, text in _ENTRY_KEYS.items() if key in content[0]), None)
    if not isinstance(content, dict):
        return None
    first = next(iter(content.values()), None)
    if isinstance(first, dict) and {"filename", "regions"} <= set(first):
        return _KEYS["_via_img_metadata"]
    return next((text for key, text in _KEYS.items() if key in content), None)
