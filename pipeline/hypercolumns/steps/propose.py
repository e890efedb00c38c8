"""Propose regions in every photograph, rank them, and measure how well they cover the objects."""

import json
import logging
from pathlib import Path
from tempfile import TemporaryDirectory

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.photographs.of_images import photograph_digests
from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.workers import PROPOSING
from hypercolumns.evaluation.proposals import evaluate
from hypercolumns.parameters import Parameters
from hypercolumns.proposals.image_set import learn, propose_all, work_items, write
from hypercolumns.proposals.kept import kept_candidates, kept_proposals
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.scratch.publishing import publish
from hypercolumns.scratch.shared import place_of_workers, shared_scratch
from hypercolumns.scratch.work import locked
from hypercolumns.stores.references import PROPOSALS, move_to_object_store
from hypercolumns.workspace import SPLITS, Split, Workspace

logger = logging.getLogger(__name__)


def propose_regions(parameters: Parameters, workspace: Workspace) -> dict[Split, ProposalStore]:
    """Propose regions for both splits, ranked by a model learned from train, and write their recall.

    Raises
    ------
    InputError
        If annotations are missing, a photograph cannot be read, or train has no instance to learn from.
    """
    settings = parameters.proposals
    sets = {split: AnnotationSet.load(workspace.annotations(split)) for split in SPLITS}
    storage = place_of_workers(parameters.compute)
    shared = shared_scratch(storage, workspace.scratch)
    items = {split: work_items(sets[split], photograph_digests(sets[split]), storage) for split in SPLITS}
    everything = [item for split in SPLITS for item in items[split]]
    with locked(workspace.scratch), TemporaryDirectory(dir=workspace.scratch) as folder:
        candidates = kept_candidates(shared, settings)
        with connect(parameters.compute, PROPOSING) as client:
            ranker = learn(client, items["train"], settings, parameters.seed, candidates)
            proposals = kept_proposals(shared, settings, ranker)
            propose_all(client, everything, ranker, settings, candidates, proposals)
        written = {split: Path(folder) / f"{split}.zarr" for split in SPLITS}
        for split, path in written.items():
            write(items[split], ranker, proposals, path)
        minimum = parameters.evaluate.proposals_minimum_area
        measured = {split: evaluate(sets[split], ProposalStore.open(written[split]), minimum) for split in SPLITS}
        for split, path in written.items():
            publish(path, workspace.proposals(split))
            move_to_object_store(workspace.proposals(split), parameters.compute.storage, PROPOSALS)
        candidates.keep_only({item.photograph for item in everything if item.keeps_candidates})
        proposals.keep_only({item.photograph for item in everything})
    metrics = workspace.metric("proposals")
    metrics.parent.mkdir(parents=True, exist_ok=True)
    metrics.write_text(json.dumps(measured["val"] | {"train": measured["train"]}, indent=2) + "\n")
    for split, figures in measured.items():
        logger.info("%s: %s", split, ", ".join(f"{name} {_text(value)}" for name, value in figures.items()))
    return {split: ProposalStore.open(workspace.proposals(split)) for split in SPLITS}


def _text(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
