"""Propose regions in every photograph, rank them, and measure how well they cover the objects."""

import json
import logging
from typing import Any

import cv2
import numpy as np

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.workers import PROPOSING
from hypercolumns.evaluation.proposals import evaluate
from hypercolumns.parameters import Parameters
from hypercolumns.proposals.image_set import learn, work_items, write
from hypercolumns.proposals.store import SCHEMA, ProposalStore
from hypercolumns.scratch.digests import digest
from hypercolumns.scratch.publishing import publish
from hypercolumns.scratch.work import work
from hypercolumns.workspace import SPLITS, Split, Workspace

logger = logging.getLogger(__name__)


def propose_regions(parameters: Parameters, workspace: Workspace) -> dict[Split, ProposalStore]:
    """Propose regions for both splits, ranked by a model learned from train, and write their recall.

    Raises
    ------
    InputError
        If annotations are missing, a photograph cannot be read, or train has no instance to learn from.
    """
    sets = {split: AnnotationSet.load(workspace.annotations(split)) for split in SPLITS}
    with work(workspace.scratch, "propose", _key(parameters, workspace, sets)) as folder:
        with connect(parameters.compute, PROPOSING) as client:
            ranker = learn(client, sets["train"], parameters.proposals, parameters.seed, folder)
            written = {s: write(client, sets[s], ranker, parameters.proposals, s, folder) for s in SPLITS}
        minimum = parameters.evaluate.proposals_minimum_area
        measured = {split: evaluate(sets[split], ProposalStore.open(written[split]), minimum) for split in SPLITS}
        for split, path in written.items():
            publish(path, workspace.proposals(split))
    metrics = workspace.metric("proposals")
    metrics.parent.mkdir(parents=True, exist_ok=True)
    metrics.write_text(json.dumps(measured["val"] | {"train": measured["train"]}, indent=2) + "\n")
    for split, figures in measured.items():
        logger.info("%s: %s", split, ", ".join(f"{name} {_text(value)}" for name, value in figures.items()))
    return {split: ProposalStore.open(workspace.proposals(split)) for split in SPLITS}


def _key(parameters: Parameters, workspace: Workspace, sets: dict[Split, AnnotationSet]) -> dict[str, Any]:
    """Collect everything that unfinished work depends on.

    Photographs are identified by size and modification time, since hashing them all is slow.
    """
    files = {item.path for split in sets.values() for item in work_items(split)}
    states = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in sorted(files) if f.exists()]
    return {
        "stage": "propose",
        "schema": SCHEMA,
        "settings": parameters.proposals.model_dump(),
        "seed": parameters.seed,
        "annotations": {split: digest(workspace.annotations(split)) for split in SPLITS},
        "photographs": states,
        "versions": [cv2.__version__, np.__version__],
    }


def _text(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
