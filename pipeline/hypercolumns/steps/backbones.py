"""Compare networks and layers on one data set: the accuracy of masks in ground-truth boxes, bytes and milliseconds."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.photographs.of_images import photograph_digests
from hypercolumns.annotations.selection import trains
from hypercolumns.backbones import create_backbone
from hypercolumns.backbones.engines import prepare
from hypercolumns.devices import choose_device
from hypercolumns.errors import InputError
from hypercolumns.evaluation.detections import counted_instances
from hypercolumns.evaluation.segmentation import ground_truth_box_ious, unmasked_as_crowd
from hypercolumns.evaluation.trade_offs import Candidate, TradeOff, trade_offs
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
"""Parameters that the masks of a candidate depend on, besides the annotations and photographs."""

logger = logging.getLogger(__name__)


def compare_backbones(
    parameters: Parameters, workspace: Workspace, candidates: Mapping[str, Parameters]
) -> list[TradeOff]:
    """Extract, train and evaluate with each candidate, and write a table and a chart to the folder of reports.

    What a candidate gave is kept, and found again for the same parameters, photographs and version of this package, so
    that an interrupted call continues. The stores of features are replaced by those of the next candidate.

    Parameters
    ----------
    parameters
        `dataset`, `proposals`, `regions` and `train` are the same for all candidates.
    workspace
        A folder for this comparison alone.
    candidates
        Parameters by name, as `read_candidates` makes them.

    Returns
    -------
    A row per candidate.

    Raises
    ------
    InputError
        If the data set has no mask to learn from or to compare with, a network or a layer cannot be used, or
        `regions.mode` is `image`, in which the network sees no regions that could be timed.
    """
    if parameters.regions.mode == "image":
        raise InputError("regions.mode is image; networks are compared on warped regions: set it to warp.")
    shared = next(iter(candidates.values()))
    sets = prepare_annotations(shared, workspace)
    check_trained(shared, sets["train"], [i for i in sets["train"].instances if trains(i, shared.regions.minimum_area)])
    instances = counted_instances(unmasked_as_crowd(sets["val"]), shared.evaluate.minimum_area)
    if not instances:
        raise InputError("No instance of val that counts has a mask to compare with; see evaluate.minimum_area.")
    data = [[digest(workspace.annotations(split)), photograph_digests(sets[split])] for split in SPLITS]
    files = {name: _file(settings, workspace, data) for name, settings in candidates.items()}
    waiting = {name: settings for name, settings in candidates.items() if _kept(name, settings, files[name]) is None}
    for settings in waiting.values():
        check_networks(settings)
    with locked(workspace.scratch):
        if waiting:
            propose_regions(shared, workspace)
            workspace.detections.parent.mkdir(parents=True, exist_ok=True)
            workspace.detections.write_text("[]\n")  # only the boxes of instances are compared
        for name, settings in waiting.items():
            logger.info("%s: %s with the layers %s", name, settings.backbone.name, ", ".join(settings.backbone.layers))
            measured = _measure(settings, workspace, sets["val"])
            files[name].parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(files[name]) as stream:
                stream.write(json.dumps(measured).encode())
    found = [_kept(name, settings, files[name]) for name, settings in candidates.items()]
    rows = trade_offs(sets["val"], instances, [candidate for candidate in found if candidate is not None])
    _write(rows, shared, sets, workspace.reports)
    return rows


def _file(settings: Parameters, workspace: Workspace, data: Sequence[Any]) -> Path:
    """File in which the figures of a candidate are kept."""
    content = settings.model_dump(mode="json")
    key = {name: content[name] for name in _SECTIONS} | {"data": data, "device": settings.compute.device}
    return key_folder(key, workspace.metrics / "backbones").with_suffix(".json")


def _measure(settings: Parameters, workspace: Workspace, truth: AnnotationSet) -> dict[str, Any]:
    """Time the network, extract both splits, train, and judge the masks in the boxes of instances."""
    backbone = create_backbone(settings.backbone, settings.seed)
    shapes = block_shapes(backbone)
    device = choose_device(settings.compute.device)
    seconds, _ = measure_pass(prepare(backbone, device, "crops", workspace.scratch), PASSES)
    train, _ = (extract_features(settings, workspace, split) for split in SPLITS)
    (results,) = masks_in_instances(settings, workspace, [GridSpec(train.layers, settings.train.grid)])
    _, ious = ground_truth_box_ious(truth, results, settings.evaluate)
    return {
        "bytes": bytes_per_region(shapes),
        "milliseconds": 1e3 * seconds,
        "training_regions": len(train),
        "ious": ious.tolist(),
    }


def _kept(name: str, settings: Parameters, file: Path) -> Candidate | None:
    """Read what was measured with a candidate; None if the file is not there or damaged."""
    backbone = settings.backbone
    try:
        measured = read_json(file)
        ious = np.array(measured.pop("ious"), dtype=np.float64)
        return Candidate(name, backbone.name, backbone.layers, backbone.input_size, **measured, ious=ious)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _write(rows: Sequence[TradeOff], settings: Parameters, sets: Mapping[Split, AnnotationSet], folder: Path) -> None:
    """Write the table as Markdown and CSV, and the chart."""
    counted = len(rows[0].candidate.ious)
    place = (
        "one core (processor time)" if choose_device(settings.compute.device).type == "cpu" else settings.compute.device
    )
    note = (
        f"The same for all: {rows[0].candidate.training_regions} training regions in {len(sets['train'].images)} "
        f"photographs, {counted} ground-truth boxes in {len(sets['val'].images)} others to judge on, K = "
        f"{settings.train.grid}, all other parameters, and frozen networks. In brackets are standard errors, as other "
        f"photographs of the same kind would bring them; a difference of less than two may be chance. kB are those of "
        f"a region in float16, before compression; ms those of the network alone, on {place}, in passes of "
        f"{REGIONS_PER_PASS} regions."
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("table.md", as_markdown(rows, note)), ("table.csv", as_csv(rows)), ("chart.svg", chart(rows))):
        (folder / name).write_text(text, encoding="utf-8")
