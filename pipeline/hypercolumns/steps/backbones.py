"""Compare networks and layers on one data set: the accuracy of masks in ground-truth boxes, bytes and milliseconds."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hypercolumns.annotations.model import AnnotationSet, Instance
from hypercolumns.annotations.photographs.of_images import photograph_digests
from hypercolumns.annotations.selection import trains
from hypercolumns.backbones import create_backbone
from hypercolumns.backbones.engines import prepare
from hypercolumns.devices import choose_device
from hypercolumns.errors import InputError
from hypercolumns.evaluation.detections import counted_instances
from hypercolumns.evaluation.segmentation import ground_truth_box_ious, unmasked_as_crowd
from hypercolumns.evaluation.trade_offs import ComparedNetwork, TradeOff, trade_offs
from hypercolumns.features.extraction import block_shapes
from hypercolumns.features.passes import REGIONS_PER_PASS
from hypercolumns.features.schema import bytes_per_region
from hypercolumns.grid.spec import GridSpec
from hypercolumns.input_files import read_json
from hypercolumns.parameters import Parameters
from hypercolumns.places.atomic import atomic_write
from hypercolumns.reporting.trade_offs import as_csv, as_markdown, chart
from hypercolumns.scratch.digests import digest
from hypercolumns.scratch.work import key_folder, locked
from hypercolumns.steps.ablate import masks_in_instances
from hypercolumns.steps.check import check_trained
from hypercolumns.steps.cost import measure_pass
from hypercolumns.steps.extract import extract_features
from hypercolumns.steps.network import check_networks
from hypercolumns.steps.prepare import prepare_annotations
from hypercolumns.steps.propose import propose_regions
from hypercolumns.workspace import SPLITS, Split, Workspace

PASSES = 5
"""Passes of 16 regions that are timed, on one core; the median counts."""

_SECTIONS = ("seed", "backbone", "proposals", "regions", "train", "predict", "evaluate")
"""Parameters that the masks of a network depend on, besides the annotations and photographs."""

logger = logging.getLogger(__name__)


def compare_backbones(
    parameters: Parameters, workspace: Workspace, networks: Mapping[str, Parameters]
) -> list[TradeOff]:
    """Extract, train and evaluate with each network, and write a table and a chart to the folder of reports.

    What a network gave is kept, and found again for the same parameters, photographs and version of this package, so
    that an interrupted call continues. The stores of features are replaced by those of the next network.

    Parameters
    ----------
    parameters
        `dataset`, `proposals`, `regions` and `train` are the same for all networks.
    workspace
        A folder for this comparison alone.
    networks
        Parameters by name, as `read_networks` makes them.

    Returns
    -------
    A row per network.

    Raises
    ------
    InputError
        If the data set has no mask to learn from or to compare with, a network or a layer cannot be used, or
        `regions.mode` is `image`, in which the network sees no regions that could be timed.
    """
    shared = next(iter(networks.values()))
    if parameters.regions.mode == "image":
        raise InputError("regions.mode is image; networks are compared on warped regions: set it to warp.")
    sets = prepare_annotations(shared, workspace)
    instances = _require_masks(shared, sets)
    data = [[digest(workspace.annotations(split)), photograph_digests(sets[split])] for split in SPLITS]
    files = {name: _file(settings, workspace, data) for name, settings in networks.items()}
    found = {name: _kept(name, settings, files[name], len(instances)) for name, settings in networks.items()}
    waiting = {name: settings for name, settings in networks.items() if found[name] is None}
    for settings in waiting.values():
        check_networks(settings)
    with locked(workspace.scratch):
        if waiting:
            propose_regions(shared, workspace)
            workspace.detections.parent.mkdir(parents=True, exist_ok=True)
            workspace.detections.write_text("[]\n")  # only the boxes of instances are compared
        for name, settings in waiting.items():
            found[name] = _measure(name, settings, workspace, sets["val"], files[name])
    rows = trade_offs(sets["val"], instances, [network for network in found.values() if network is not None])
    _write(rows, shared, sets, workspace.reports)
    return rows


def _require_masks(settings: Parameters, sets: Mapping[Split, AnnotationSet]) -> list[Instance]:
    """Find the instances of val that count, and refuse sets without masks to learn from or to compare with."""
    train = sets["train"]
    check_trained(settings, train, [i for i in train.instances if trains(i, settings.regions.minimum_area)])
    instances = counted_instances(unmasked_as_crowd(sets["val"]), settings.evaluate.minimum_area)
    if not instances:
        raise InputError("No instance of val that counts has a mask to compare with; see evaluate.minimum_area.")
    return instances


def _file(settings: Parameters, workspace: Workspace, data: Sequence[Any]) -> Path:
    """File in which the figures of a network are kept."""
    content = settings.model_dump(mode="json")
    key = {name: content[name] for name in _SECTIONS} | {"data": data, "device": _device(settings)}
    return key_folder(key, workspace.metrics / "backbones").with_suffix(".json")


def _device(settings: Parameters) -> str:
    """Kind of the device that `compute.device` chooses here."""
    return choose_device(settings.compute.device).type


def _measure(
    name: str, settings: Parameters, workspace: Workspace, truth: AnnotationSet, file: Path
) -> ComparedNetwork:
    """Time the network, extract both splits, train, and judge the masks in the boxes of instances; keep the figures."""
    logger.info("%s: %s with the layers %s", name, settings.backbone.name, ", ".join(settings.backbone.layers))
    backbone = create_backbone(settings.backbone, settings.seed)
    shapes = block_shapes(backbone)
    device = choose_device(settings.compute.device)
    seconds, _ = measure_pass(prepare(backbone, device, "crops", workspace.scratch), PASSES)
    train, _ = (extract_features(settings, workspace, split) for split in SPLITS)
    (results,) = masks_in_instances(settings, workspace, [GridSpec(train.layers, settings.train.grid)])
    _, ious = ground_truth_box_ious(truth, results, settings.evaluate)
    measured = {
        "bytes": bytes_per_region(shapes),
        "milliseconds": 1e3 * seconds,
        "training_regions": len(train),
        "ious": ious.tolist(),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as stream:
        stream.write(json.dumps(measured).encode())
    return _network(name, settings, measured)


def _kept(name: str, settings: Parameters, file: Path, n_instances: int) -> ComparedNetwork | None:
    """Read what was measured with a network; None if the file is not there or damaged."""
    try:
        network = _network(name, settings, read_json(file))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return network if network.ious.shape == (n_instances,) else None


def _network(name: str, settings: Parameters, measured: Mapping[str, Any]) -> ComparedNetwork:
    """Join what was measured with a network, and what is known of it."""
    backbone = settings.backbone
    return ComparedNetwork(
        name,
        backbone.name,
        backbone.layers,
        backbone.input_size,
        backbone.weights,
        int(measured["bytes"]),
        float(measured["milliseconds"]),
        int(measured["training_regions"]),
        np.array(measured["ious"], dtype=np.float64),
    )


def _write(rows: Sequence[TradeOff], settings: Parameters, sets: Mapping[Split, AnnotationSet], folder: Path) -> None:
    """Write the table as Markdown and CSV, and the chart."""
    counted = len(rows[0].network.ious)
    device = _device(settings)
    timed = "one core (processor time)" if device == "cpu" else device
    note = (
        f"The same for all: {rows[0].network.training_regions} training regions in {len(sets['train'].images)} "
        f"photographs, {counted} ground-truth boxes in {len(sets['val'].images)} others to judge on, K = "
        f"{settings.train.grid}, all other parameters, and frozen networks. In brackets are standard errors, as other "
        f"photographs of the same kind would bring them; a difference below two standard errors may be chance. kB are "
        f"those of a region in float16, before compression; ms those of the network alone, on {timed}, in passes of "
        f"{REGIONS_PER_PASS} regions."
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("table.md", as_markdown(rows, note)), ("table.csv", as_csv(rows)), ("chart.svg", chart(rows))):
        with atomic_write(folder / name) as stream:
            stream.write(text.encode())
