"""Precision, recall and the area under the monotone precision envelope, from scored and judged detections."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Curve:
    """Precision against recall after each counted detection, best score first; both (n,), in 0..1."""

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]

    @property
    def envelope(self) -> NDArray[np.float64]:
        """The best precision at this or any higher recall, (n,): it never rises with recall."""
        return np.maximum.accumulate(self.precision[::-1])[::-1]

    @property
    def area(self) -> float:
        """Average precision in 0..1: the area under the envelope. PASCAL VOC since 2010; paper, section 4.1."""
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.envelope))

    def at(self, recall: ArrayLike) -> NDArray[np.float64]:
        """The envelope at the given recalls (k,): 0 beyond the highest recall that was reached."""
        position = np.searchsorted(self.recall, np.asarray(recall, dtype=np.float64), side="left")
        return np.append(self.envelope, 0.0)[position]


def precision_recall(scores: ArrayLike, hit: ArrayLike, positives: int, neutral: ArrayLike | None = None) -> Curve:
    """The curve of detections in falling score; equal scores keep their order.

    Parameters
    ----------
    scores : (n,) confidences.
    hit : (n,) bool, the detection found an instance.
    positives : how many instances there are to find, at least 1.
    neutral : (n,) bool, detections that drop out (they lie on ignored instances). None: none.

    Raises
    ------
    ValueError
        Without instances, as recall is not defined then.
    """
    if positives < 1:
        raise ValueError("precision_recall needs at least one instance to find; recall is not defined without")
    score = np.asarray(scores, dtype=np.float64)
    counted = np.ones(score.shape, dtype=bool) if neutral is None else ~np.asarray(neutral, dtype=bool)
    order = np.argsort(-score[counted], kind="stable")
    found = np.cumsum(np.asarray(hit, dtype=bool)[counted][order])
    return Curve(recall=found / positives, precision=found / np.arange(1, len(found) + 1))


def points(share: float | None) -> float | None:
    """A share of 0..1 in points of 0..100; None stays None."""
    return None if share is None else 100 * share


def known_mean(values: Iterable[float | None]) -> float | None:
    """The mean of the values that are not None; None when there are none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def average_precision(
    scores: ArrayLike, hit: ArrayLike, positives: int, neutral: ArrayLike | None = None
) -> float | None:
    """Average precision in 0..1, or None where there is no instance to find; see `precision_recall`.

    Examples
    --------
    Two instances, found by the first and the third of three detections:

    >>> round(average_precision([0.9, 0.8, 0.7], [True, False, True], positives=2), 4)
    0.8333
    """
    return precision_recall(scores, hit, positives, neutral).area if positives else None
