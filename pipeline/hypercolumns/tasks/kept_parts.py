"""Predictions of one part of a store as arrays, which are kept on disk until a run is complete, and their key."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.parameters import PredictParameters
from hypercolumns.scratch.checked_files import Arrays
from hypercolumns.stores.manifest import content_digest


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
    task_key: Mapping[str, Any],
    models: Sequence[GridModel],
    settings: PredictParameters,
    proposals: Path | None,
    kinds: Sequence[str],
    keep_heat: Sequence[str],
) -> dict[str, Any]:
    """Everything that predictions depend on, as JSON-like values; `prediction.predict` explains the arguments."""
    return {
        "store": content_digest(store.path),
        "proposals": content_digest(proposals) if proposals else None,
        "task": task_key,
        "models": [model.digest() for model in models],
        "settings": settings.model_dump(mode="json"),
        "versions": [version(package) for package in ("numpy", "pycocotools", "scipy")],
        "kinds": [list(kinds), list(keep_heat)],
    }


def _names(model: int, kind: str) -> list[str]:
    return [f"{model}-{kind}-{name}" for name in ("rows", "heat", "results")]
