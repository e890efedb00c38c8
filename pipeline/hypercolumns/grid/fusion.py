"""Late fusion: classifiers trained on one layer each, their calibrated logits added (`fusion: per_block`)."""

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from hypercolumns.grid.problem import CellFit, Solver
from hypercolumns.grid.targets import IGNORE


def fuse_layers(solver: Solver[Any]) -> CellFit:
    """Fit every layer alone, then weight the layers' logits so that their sum is calibrated.

    The weights come from a logistic regression on the layers' logits over the training pixels (stacking); ours. A
    target whose labels in the cell are all alike keeps the bias of its top-layer classifier.

    See Also
    --------
    Solver.fit : fits all layers jointly.
    """
    fits = [solver.restrict(layer).fit() for layer in solver.problem.standardisation.shift]
    widths = [fit.weights.shape[1] for fit in fits]
    weights, bias = np.concatenate([fit.weights for fit in fits], axis=1), fits[-1].bias.copy()
    logits, labels = solver.layer_logits(weights)
    for target in range(len(weights)):
        known = labels[:, target] != IGNORE
        if len(np.unique(labels[known, target])) < 2:
            continue
        calibration = LogisticRegression().fit(logits[known, target], labels[known, target])
        weights[target] *= np.repeat(calibration.coef_[0], widths)
        bias[target] = calibration.intercept_[0]
    return CellFit(weights, bias)
