"""Predictions of one part of a store as arrays, which are kept on disk until a run is complete, and their key."""

import dataclasses
import hashlib
import inspect
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.parameters import PredictParameters
from hypercolumns.scratch.checked_files import Arrays
from hypercolumns.scratch.digests import digest
from hypercolumns.stores import manifest
from hypercolumns.tasks.task import Task


@dataclass(frozen=True)
class Prediction:
    """Predictions of one model for the regions of one kind."""

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
    """Encode predictions, one mapping by kind of region per model; results become JSON."""
    arrays: Arrays = {}
    for model, by_kind in enumerate(predictions):
        for kind, prediction in by_kind.items():
            text = json.dumps(prediction.results).encode()
            values = prediction.rows, prediction.heat, np.frombuffer(text, np.uint8)
            arrays |= dict(zip(_names(model, kind), values, strict=True))
    return arrays


def from_arrays(arrays: Arrays, models: int, kinds: Sequence[str]) -> list[dict[str, Prediction]]:
    """Decode what `to_arrays` encoded."""
    predictions = []
    for model in range(models):
        values = {kind: [arrays[name] for name in _names(model, kind)] for kind in kinds}
        predictions.append(
            {kind: Prediction(rows, heat, json.loads(text.tobytes())) for kind, (rows, heat, text) in values.items()}
        )
    return predictions


def key(
    store: FeatureStore,
    task: Task,
    models: Sequence[GridModel],
    settings: PredictParameters,
    proposals: Path | None,
    kinds: Sequence[str],
    keep_heat: Sequence[str],
) -> dict[str, Any]:
    """Everything that predictions depend on, as JSON-like values."""
    return {
        "store": store.attributes.get("key") or digest(store.path),
        "task": [_source(type(task)), _describe(task)],
        "models": [_describe(model) for model in models],
        "settings": _describe(settings),
        # The manifest holds the checksums of all files.
        "proposals": digest(proposals / manifest.NAME) if proposals else None,
        "versions": [version(package) for package in ("numpy", "pycocotools")],
        "kinds": [list(kinds), list(keep_heat)],
    }


def _names(model: int, kind: str) -> list[str]:
    return [f"{model}-{kind}-{name}" for name in ("rows", "heat", "results")]


def _source(kind: type) -> str:
    """Digest of the source file of a task; a unique text if it has none."""
    try:
        return digest(Path(inspect.getfile(kind)))
    except (TypeError, OSError):
        return uuid.uuid4().hex


def _describe(value: Any) -> Any:
    """Describe a value by JSON-like ones; equal descriptions mean equal values.

    A value of an unknown type gets a unique description, so that nothing is found again that may be wrong.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return [value.dtype.str, value.shape, hashlib.sha256(np.ascontiguousarray(value).data).hexdigest()]
    if isinstance(value, BaseModel):
        return [type(value).__qualname__, value.model_dump(mode="json")]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _describe(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return [type(value).__qualname__, fields]
    if isinstance(value, Mapping):
        return [[_describe(name), _describe(entry)] for name, entry in value.items()]
    if isinstance(value, list | tuple):
        return [_describe(entry) for entry in value]
    return uuid.uuid4().hex
