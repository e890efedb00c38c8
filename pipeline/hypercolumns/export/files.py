"""Exported files: ONNX, and archives of `torch.export`."""

import importlib.util
import json
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch.export import ExportedProgram

from hypercolumns.errors import InputError
from hypercolumns.export.metadata import KEY, describe
from hypercolumns.export.network import heat_map_network
from hypercolumns.export.program import trace
from hypercolumns.export.source import ExportSource

Format = Literal["onnx", "torch"]

OPSET = 18
"""Version of the operators of ONNX files: that of torch's translations, which ONNX Runtime reads since 1.14."""

OUTPUT = "heat_maps"
"""Name of the output of ONNX files."""


def export(source: ExportSource, path: Path | str, format: Format = "onnx", *, backbone: bool = True) -> list[str]:  # noqa: A002
    """Write the grids of a task as a file for other programs; `docs/export.md` describes both formats.

    Parameters
    ----------
    source
        The trained grids, their network and how they are used; see `export.source.collect`.
    path
        File to write; replaced if it exists.
    format
        onnx: one self-contained file. torch: an archive that `torch.export.load` reads.
    backbone
        Whether the file includes the network, so that it takes warped crops; otherwise it takes the maps of the layers.

    Returns
    -------
    The names of the inputs.

    Raises
    ------
    InputError
        If a package is missing, the folder of `path` does not exist, torch cannot export the network, or the grids
        were trained on maps cut out of whole photographs and `backbone` is true.
    """
    path = Path(path)
    if format == "onnx":
        _require_onnx()
    if path.is_dir() or not path.parent.is_dir():
        reason = "it is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise InputError(f"{path} cannot be written: {reason}. Name a file in an existing folder.")
    if backbone and not source.is_warped:
        raise InputError(
            "The grids were trained with regions.mode: image, on maps cut out of those of whole photographs, which no "
            "network of single regions computes. Export them without the backbone (--without-backbone), or train with "
            "regions.mode: warp."
        )
    network = heat_map_network(source.model, source.backbone, source.blending)
    program, names = trace(network if backbone else network.grids)
    metadata = describe(source, "crops" if backbone else "maps")
    with _replacing(path) as unfinished:
        (_write_onnx if format == "onnx" else _write_torch)(program, names, metadata, unfinished)
    return names


def _write_onnx(program: ExportedProgram, names: Sequence[str], metadata: dict[str, Any], path: Path) -> None:
    """Write a self-contained ONNX file, with the metadata as JSON under `KEY`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations that concern torch's code alone
        written = torch.onnx.export(
            program, input_names=names, output_names=[OUTPUT], opset_version=OPSET, dynamo=True, verbose=False
        )
    assert written is not None  # noqa: S101 - None with dynamo=False alone
    model = written.model
    # The exporter describes how it made each node.
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.metadata_props.clear()
    model.metadata_props[KEY] = json.dumps(metadata)
    written.save(path, external_data=False)


def _write_torch(program: ExportedProgram, _names: Sequence[str], metadata: dict[str, Any], path: Path) -> None:
    """Write an archive of `torch.export`, with the metadata as JSON in the extra file `KEY`.json."""
    with warnings.catch_warnings():
        # Weights are kept channels last, which torch takes for parts of other tensors; they are on the CPU.
        warnings.filterwarnings("ignore", message="No complete tensor found")
        torch.export.save(program, path, extra_files={f"{KEY}.json": json.dumps(metadata)})


def _require_onnx() -> None:
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"Writing ONNX files needs the package {missing[0]}, which is not installed: "
            f"pip install 'hypercolumns[export]'. --format torch needs no other package."
        )


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give the path of a file beside `path` that takes its place when the block succeeds."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-") as folder:
        # Torch wants this ending, and names the root of its archives after the file.
        unfinished = Path(folder) / f"{KEY}.pt2"
        yield unfinished
        unfinished.replace(path)
