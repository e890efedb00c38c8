"""Cache the hypercolumn blocks of the regions of a split in a feature store."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.result_fields import BOX
from hypercolumns.annotations.results import read_results
from hypercolumns.backbones import create_backbone
from hypercolumns.cluster.scheduler import scheduler_of
from hypercolumns.features.extraction import extract
from hypercolumns.features.selection import training_regions, validation_regions
from hypercolumns.features.store import FeatureStore
from hypercolumns.parameters import Parameters
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.workspace import Split, Workspace

logger = logging.getLogger(__name__)


def extract_features(
    parameters: Parameters,
    workspace: Workspace,
    split: Split,
    *,
    out: Path | None = None,
    confirm: Callable[[str, NDArray[np.uint8]], object] | None = None,
) -> FeatureStore:
    """Run the frozen network over the regions of a split and write their blocks.

    Parameters
    ----------
    out
        Where the store is written, with the same file name; None for its place in the workspace. Blocks are then taken
        over from the store at that place, even if other parts of it are damaged.
    confirm
        As for `features.extraction.extract`.

    Raises
    ------
    InputError
        If an input is missing, the network cannot be used, or there is no region to extract.
    """
    backbone = create_backbone(parameters.backbone, parameters.seed)
    annotations = AnnotationSet.load(workspace.annotations(split))
    with scheduler_of(parameters.compute) as client:
        store = extract(
            _regions(parameters, workspace, annotations, split),
            annotations,
            backbone,
            workspace.features(split) if out is None else out,
            scratch=workspace.scratch,
            expansion=parameters.regions.expansion,
            short_side=parameters.regions.short_side if parameters.regions.mode == "image" else None,
            compute=parameters.compute,
            reuse=[] if out is None else [workspace.features(split)],
            confirm=confirm,
            client=client,
        )
    logger.info("%s: blocks of %d regions from %s", split, len(store), ", ".join(store.layers))
    return store


def _regions(parameters: Parameters, workspace: Workspace, annotations: AnnotationSet, split: Split) -> pd.DataFrame:
    if split == "val":
        return validation_regions(annotations, read_results(workspace.detections, annotations, BOX, step="detect"))
    candidates = ProposalStore.open(workspace.proposals("train"))
    wanted = parameters.dataset.categories
    return training_regions(annotations, candidates, parameters.regions, parameters.seed, wanted)
