"""Metadata of exported files."""

from typing import Any, Literal

import hypercolumns
from hypercolumns.export.source import ExportSource

SCHEMA = "hypercolumns-export/1"

KEY = "hypercolumns"
"""Key of the metadata in an ONNX file, and name of the extra file in a torch archive without its ending."""

Inputs = Literal["crops", "maps"]


def describe(source: ExportSource, inputs: Inputs) -> dict[str, Any]:
    """Describe an export: JSON-like values that `docs/export.md` explains.

    Parameters
    ----------
    inputs
        What the file takes: warped crops, or the maps of the layers of the backbone.
    """
    model, backbone = source.model, source.backbone
    return {
        "schema": SCHEMA,
        "task": source.task,
        "inputs": inputs,
        "input_size": backbone.input_size,
        "mean": list(backbone.mean),
        "expansion": source.expansion,
        "regions": "warp" if source.is_warped else "image",
        "targets": list(model.targets),
        "categories": [
            {"id": c.id, "name": c.name, "group": c.group, "targets": list(c.targets)} for c in source.categories
        ],
        "heat_map": model.heat_map,
        "grid": model.spec.grid,
        "blending": source.blending,
        "threshold": source.threshold,
        "layers": list(model.spec.layers),
        "backbone": backbone.name,
        "weights": backbone.weights,
        "weights_sha256": backbone.weights_sha256,
        "model_sha256": model.digest(),
        "version": hypercolumns.__version__,
    }
