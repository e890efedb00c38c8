"""Precision-recall curves and average precision of scored detections that have been judged right or wrong."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Curve:
    """Precision-recall curve: one point after each counted detection, best score first."""

    recall: NDArray[np.float64]
    """(n,) in 0..1."""
    precision: NDArray[np.float64]
    """(n,) in 0..1."""

    @property
    def envelope(self) -> NDArray[np.float64]:
        """Highest precision at this recall or any higher one, (n,); it never rises with recall."""
        return np.maximum.accumulate(self.precision[::-1])[::-1]

    @property
    def area(self) -> float:
        """Average precision in 0..1: the area under the envelope. PASCAL VOC since 2010; paper, section 4.1."""
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.envelope))

    def precision_at(self, recall: ArrayLike) -> NDArray[np.float64]:
        """Envelope at the given recalls (k,); 0 beyond the highest recall reached."""
        position = np.searchsorted(self.recall, np.asarray(recall, dtype=np.float64), side="left")
        return np.append(self.envelope, 0.0)[position]


def precision_recall(scores: ArrayLike, hit: ArrayLike, positives: int, neutral: ArrayLike | None = None) -> Curve:
    """Precision-recall curve of detections by falling score; equal scores keep their order.

    Parameters
    ----------
    scores
        (n,) confidences.
    hit
        (n,) bool, whether the detection found an instance.
    positives
        Number of instances to find, at least 1.
    neutral
        (n,) bool, detections to leave out because they lie on ignored instances. None leaves out none.

    Raises
    ------
    ValueError
        When there are no instances to find: recall is undefined.

    Examples
    --------
    >>> precision_recall([0.9, 0.8, 0.7], [True, False, True], positives=2).recall
    array([0.5, 0.5, 1. ])
    """
    if positives < 1:
        raise ValueError(f"positives is {positives}, but recall is undefined without an instance to find")
    score = np.asarray(scores, dtype=np.float64)
    counted = np.ones(score.shape, dtype=bool) if neutral is None else ~np.asarray(neutral, dtype=bool)
    order = np.argsort(-score[counted], kind="stable")
    hits = np.cumsum(np.asarray(hit, dtype=bool)[counted][order])
    return Curve(recall=hits / positives, precision=hits / np.arange(1, len(hits) + 1))


def average_precision(
    scores: ArrayLike, hit: ArrayLike, positives: int, neutral: ArrayLike | None = None
) -> float | None:
    """Average precision in 0..1, or None without an instance to find; `precision_recall` explains the arguments.

    Examples
    --------
    Two instances, found by the first and the third of three detections:

    >>> round(average_precision([0.9, 0.8, 0.7], [True, False, True], positives=2), 4)
    0.8333
    """
    return precision_recall(scores, hit, positives, neutral).area if positives else None


def to_points(share: float | None) -> float | None:
    """Convert a share in 0..1 to points in 0..100; None stays None."""
    return None if share is None else 100 * share


def known_mean(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are not None; None when there are none.

    Examples
    --------
    >>> known_mean([1.0, None, 2.0])
    1.5
    """
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
