"""Accuracy, bytes and time of networks and layers on the same regions, as rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet, Instance
from hypercolumns.evaluation.resampling import draw_photographs, resampled_mean, standard_error
from hypercolumns.evaluation.segmentation import summarise_ious


@dataclass(frozen=True)
class ComparedNetwork:
    """A network with some of its layers, and what was measured with it."""

    name: str
    backbone: str
    layers: tuple[str, ...]
    input_size: int
    weights: str
    """As in `backbone.weights`."""
    bytes: int
    """Size of the blocks of a region, before compression."""
    milliseconds: float
    """Time of the network for a region."""
    training_regions: int
    ious: NDArray[np.float64]
    """(n,) mask IoU in the boxes of the n instances that count."""


@dataclass(frozen=True)
class TradeOff:
    """A row of the table: a network, its accuracy, and the difference to the first network.

    Standard errors are None where there is one photograph.
    """

    network: ComparedNetwork
    mean_iou: float
    standard_error: float | None
    above_70: float
    difference: float
    difference_error: float | None


def trade_offs(
    annotations: AnnotationSet, instances: Sequence[Instance], networks: Sequence[ComparedNetwork]
) -> list[TradeOff]:
    """Compare networks on the same instances; standard errors are those of other photographs of the same kind.

    Parameters
    ----------
    annotations
        The ground truth.
    instances
        The n instances that count, one or more.
    networks
        Networks with their measurements; the first one is compared with all.

    Notes
    -----
    The standard error of a difference comes from differences on the same draws of photographs (paired bootstrap). It is
    smaller than those of the means, since a hard photograph is hard for every network.
    """
    draws = draw_photographs(annotations)
    resampled = [resampled_mean(annotations, instances, network.ious, draws) for network in networks]
    first = networks[0].ious.mean()
    rows = []
    for network, means in zip(networks, resampled, strict=True):
        summary = summarise_ious(network.ious)
        rows.append(
            TradeOff(
                network,
                float(network.ious.mean()),
                standard_error(means),
                float(summary["iou_70"] or 0),
                float(network.ious.mean() - first),
                standard_error(means - resampled[0]),
            )
        )
    return rows
