"""COCO results files: reading, checking and writing the results of detectors and predictors."""

import json
import math
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, NotRequired, Self, TypedDict, overload

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.result_fields import ResultField, is_finite
from hypercolumns.errors import InputError, choices
from hypercolumns.input_files import read_bytes
from hypercolumns.places.atomic import atomic_write

Boxes = Literal["detections", "instances"]
"""The boxes that results refer to: scored detections, or annotated instances."""


class Result(TypedDict):
    """One entry of a COCO results file; `bbox` is x, y, width, height in pixels."""

    image_id: int
    category_id: int
    score: NotRequired[float]
    bbox: NotRequired[Sequence[float]]
    segmentation: NotRequired[masks.RLE]
    keypoints: NotRequired[Sequence[float]]
    """x, y and score of every keypoint of the category."""
    parts: NotRequired[Sequence[Mapping[str, Any]]]
    """`name` and `segmentation` of every visible part."""
    instance_id: NotRequired[int]
    """Only in results that refer to instances."""


Results = Sequence[Mapping[str, Any]]
"""COCO results of any step; each entry has the keys of `Result` that its boxes and answer need."""

COLUMNS = ("image_id", "category_id", "score")
"""Fields of results that are asked for all at once; see `column`."""

_SPACE = r"[ \t\n\r]*"
_OPENING = re.compile(rf"{_SPACE}\[{_SPACE}")
_COMMA = re.compile(rf"{_SPACE},{_SPACE}")
_CLOSING = re.compile(rf"{_SPACE}\]{_SPACE}\Z")


class ResultTexts(Sequence[Mapping[str, Any]]):
    """Results as the text of their file: an entry is decoded where it is used, which bounds memory.

    Decoded entries take about four times the memory of their text.
    """

    def __init__(self, text: str, spans: NDArray[np.int64], columns: Mapping[str, NDArray[Any]]) -> None:
        """Keep the text, start and end (n, 2) of every entry in it, and the `COLUMNS` (n,) of the entries."""
        self._text = text
        self._spans = spans
        self.columns = columns

    def __len__(self) -> int:
        """Number of results."""
        return len(self._spans)

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | list[Mapping[str, Any]]:
        """Decode the result at a position, or those of a slice."""
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        first, end = self._spans[index]
        entry: Mapping[str, Any] = json.loads(self._text[first:end])
        return entry

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Results at these positions, of the same text."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return type(self)(self._text, self._spans[rows], columns)


def column(results: Results, name: str) -> NDArray[Any]:
    """Values (n,) of one of the `COLUMNS` of n results.

    Examples
    --------
    >>> column([{"score": 0.5}, {"score": 0.25}], "score")
    array([0.5 , 0.25])
    """
    if isinstance(results, ResultTexts):
        return results.columns[name]
    return np.array([result[name] for result in results], dtype=np.float64 if name == "score" else np.int64)


def take(results: Results, rows: NDArray[np.int64]) -> Results:
    """Results at these positions, without decoding them.

    Examples
    --------
    >>> take([{"score": 0.5}, {"score": 0.25}], np.array([1]))
    [{'score': 0.25}]
    """
    return results.take(rows) if isinstance(results, ResultTexts) else [results[row] for row in rows]


def read_results(
    path: Path, annotations: AnnotationSet, answer: ResultField, boxes: Boxes = "detections", step: str | None = None
) -> ResultTexts:
    """Read and check the entries of a results file.

    Parameters
    ----------
    path
        A JSON file: a list of COCO results.
    annotations
        The images, categories and instances that the results may refer to.
    answer
        The field that every entry must have.
    boxes
        `detections`: every entry has a score. `instances`: every entry names its `instance_id`, each once.
    step
        The pipeline step that writes the file, for the error if it is missing.

    Raises
    ------
    InputError
        If the file is missing or not a JSON list, or naming the first entry that cannot be used.
    """
    text = _read_text(path, step)
    spans, images, categories = array("q"), array("q"), array("q")
    scores = array("d")
    seen: set[int] = set()
    for number, (span, entry) in enumerate(_entries(path, text)):
        problem = _problem(entry, annotations, answer, boxes)
        if problem is None and boxes == "instances":
            problem = f"instance_id {entry['instance_id']} occurs twice" if entry["instance_id"] in seen else None
            seen.add(entry["instance_id"])
        if problem is not None:
            raise InputError(f"{path}, entry {number}: {problem}.")
        spans.extend(span)
        images.append(entry["image_id"])
        categories.append(entry["category_id"])
        scores.append(entry["score"] if boxes == "detections" else math.nan)
    columns = {name: np.array(values) for name, values in zip(COLUMNS, (images, categories, scores), strict=True)}
    return ResultTexts(text, np.array(spans).reshape(-1, 2), columns)


def read_entries(path: Path, step: str | None = None) -> list[Any]:
    """Read the entries of a results file without checking them.

    Raises
    ------
    InputError
        If the file is missing or not a JSON list.
    """
    return [entry for _, entry in _entries(path, _read_text(path, step))]


def _read_text(path: Path, step: str | None) -> str:
    """Read the text of a JSON file, in any encoding that JSON allows."""
    try:
        content = read_bytes(path)
        return content.decode(json.detect_encoding(content))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.", step) from None
    except (OSError, UnicodeError) as error:
        raise InputError(f"{path} is not JSON: {error}.") from None


def _entries(path: Path, text: str) -> Iterator[tuple[tuple[int, int], Any]]:
    """Decode the entries of a JSON list one by one, each with its start and end in the text."""
    decode = json.JSONDecoder().raw_decode
    try:
        opening = _OPENING.match(text)
        if opening is None:
            content = json.loads(text)
            kind = "an object" if isinstance(content, dict) else json.dumps(content)
            raise InputError(f"{path} must hold a list of COCO results, not {kind}.")
        end = opening.end()
        before = None if _CLOSING.match(text, end) else opening
        while before:
            entry, end = decode(text, before.end())
            yield (before.end(), end), entry
            before = _COMMA.match(text, end)
        if not _CLOSING.match(text, end):
            raise json.JSONDecodeError("Expecting ',' or the end of the list", text, end)
    except InputError:  # is a `ValueError`
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}.") from None


class ResultLine(NamedTuple):
    """A line of a results file; lines are sorted as these tuples are."""

    image: int
    falling_score: float
    """Negative score."""
    text: str

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Self:
        """Encode a result."""
        return cls(result["image_id"], -result.get("score", 0.0), json.dumps(result, separators=(",", ":")))


def write_results(results: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write COCO results, one per line, sorted by image and falling score.

    The bytes of the file do not depend on the order of `results`.
    """
    write_lines(sorted(map(ResultLine.of, results)), path)


def write_lines(lines: Iterable[ResultLine], path: Path) -> None:
    """Write a results file from its sorted lines; it appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as stream:
        stream.write(b"[")
        for number, line in enumerate(lines):
            stream.write(b",\n" if number else b"")
            stream.write(line.text.encode())
        stream.write(b"]\n")


def _problem(entry: Any, annotations: AnnotationSet, answer: ResultField, boxes: Boxes) -> str | None:
    """Explain what is wrong with an entry, or return None if it is valid."""
    if not isinstance(entry, dict):
        return f"a result must be an object, not {entry!r}"
    required = ("image_id", "category_id", "score" if boxes == "detections" else "instance_id", answer.name)
    missing = [key for key in required if key not in entry]
    if missing:
        return f"{missing[0]!r} is missing; such results need {choices(required)}"
    for key in ("image_id", "category_id", "instance_id"):
        if key in entry and type(entry[key]) is not int:  # `isinstance` would accept true and false
            return f"{key} is {entry[key]!r}, not an integer"
    image = annotations.image_by_id.get(entry["image_id"])
    if image is None:
        return f"image_id {entry['image_id']} is not among the {len(annotations.images)} annotated images"
    category = annotations.category_by_id.get(entry["category_id"])
    if category is None:
        known = choices(f"{c.id} ({c.name})" for c in annotations.categories)
        return f"category_id {entry['category_id']} is not one of {known}"
    if boxes == "detections" and not is_finite(entry["score"]):
        return f"score is {entry['score']!r}, not a finite number"
    if boxes == "instances":
        instance = annotations.instance_by_id.get(entry["instance_id"])
        if instance is None or instance.image_id != image.id:
            return f"instance_id {entry['instance_id']} is not an instance of image {image.id}"
    return answer.problem(entry[answer.name], category, image)
