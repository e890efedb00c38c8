"""Predictions in files, one for each piece of a store: read piece by piece, and written as sorted COCO results."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.results import ResultLine, write_lines
from hypercolumns.errors import InputError
from hypercolumns.scratch.checked_files import Arrays, load_arrays

_LINES_IN_MEMORY = 1 << 15
"""Results that are sorted at a time; those of one image stay together."""


@dataclass(frozen=True)
class Prediction:
    """Predictions of one model for the regions of one kind in a piece of a store."""

    rows: NDArray[np.int64]
    """(n,) rows of the store."""
    heat: NDArray[np.uint8]
    """(n, size, size) highest probability of any target at each location, times 255; (n, 0, 0) if not kept."""
    results: list[Mapping[str, Any]]
    """COCO results, in the order of the rows."""

    @classmethod
    def join(cls, parts: "Sequence[Prediction]") -> "Prediction":
        """Concatenate the predictions of parts."""
        rows, heat = (np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "heat"))
        return cls(rows, heat, [result for part in parts for result in part.results])


def to_arrays(predictions: Sequence[Mapping[str, Prediction]]) -> Arrays:
    """Encode the predictions of a piece, one mapping by kind of region per model; results become lines of JSON."""
    arrays: Arrays = {}
    for model, by_kind in enumerate(predictions):
        for kind, prediction in by_kind.items():
            lines = [ResultLine.of(result) for result in prediction.results]
            encoded = [line.text.encode() for line in lines]
            columns: Arrays = {
                "rows": prediction.rows,
                "heat": prediction.heat,
                "image": np.array([line.image for line in lines], np.int64),
                "falling_score": np.array([line.falling_score for line in lines], np.float64),
                "lengths": np.array([len(text) for text in encoded], np.int64),
                "text": np.frombuffer(b"".join(encoded), np.uint8),
            }
            arrays |= {_name(model, kind, name): values for name, values in columns.items()}
    return arrays


@dataclass(frozen=True)
class Predictions:
    """Predictions of one model for the regions of one kind.

    Memory holds those of one piece at a time, and while they are written, `_LINES_IN_MEMORY` results. All methods raise
    `InputError` for a file that was damaged or deleted meanwhile.
    """

    files: Sequence[Path]
    """The file of each piece, in the order of the rows."""
    model: int
    """Position of the model among those that were predicted with."""
    kind: str

    def results(self) -> Iterator[Mapping[str, Any]]:
        """Read the COCO results, in the order of the rows."""
        for columns in map(self._read, self.files):
            yield from (json.loads(line.text) for line in _lines(columns, range(len(columns["lengths"]))))

    def heat_maps(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
        """Read rows of the store (n,), in their order, and their heat maps (n, size, size), as in `Prediction`."""
        for columns in map(self._read, self.files):
            yield columns["rows"], columns["heat"]

    def write_results(self, path: Path) -> int:
        """Write the results as `annotations.results.write_results` does; return their number."""
        images = [self._read(file)["image"] for file in self.files]
        write_lines(self._in_order(images), path)
        return sum(map(len, images))

    def _in_order(self, images: Sequence[NDArray[np.int64]]) -> Iterator[ResultLine]:
        """Yield the lines of all results; `images` has the images of the results of each piece."""
        piece_of, image_of = np.repeat(np.arange(len(images)), [len(i) for i in images]), np.concatenate(images)
        position_of = np.concatenate([np.arange(len(i)) for i in images])
        order = np.argsort(image_of, kind="stable")
        sorted_images, first = image_of[order], 0
        while first < len(order):
            last_image = sorted_images[min(first + _LINES_IN_MEMORY, len(order)) - 1]
            stop = int(np.searchsorted(sorted_images, last_image, side="right"))
            taken, first = order[first:stop], stop
            lines: list[ResultLine] = []
            for piece in np.unique(piece_of[taken]):
                positions = position_of[taken[piece_of[taken] == piece]]
                lines += _lines(self._read(self.files[piece]), positions.tolist())
            yield from sorted(lines)

    def _read(self, file: Path) -> Arrays:
        arrays = load_arrays(file)
        if arrays is None:
            raise InputError(f"{file} is damaged or was deleted while it was in use. Run the step again.")
        prefix = _name(self.model, self.kind, "")
        return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}


def _lines(columns: Arrays, positions: Sequence[int]) -> list[ResultLine]:
    """Lines of the results at some positions of a piece."""
    images, scores, ends = (columns["image"].tolist(), columns["falling_score"].tolist(), np.cumsum(columns["lengths"]))
    starts, text = ends - columns["lengths"], columns["text"].tobytes()
    return [ResultLine(images[i], scores[i], text[starts[i] : ends[i]].decode()) for i in positions]


def _name(model: int, kind: str, column: str) -> str:
    return f"{model}-{kind}-{column}"
