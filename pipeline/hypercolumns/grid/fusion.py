"""Late fusion: classifiers trained on one layer each, their calibrated logits added (`fusion: per_block`)."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from hypercolumns.grid.solver import CellFit, Solver
from hypercolumns.grid.targets import IGNORE
from hypercolumns.parameters import TrainParameters


def fuse_layers(solver: Solver, n_targets: int, cell: int, settings: TrainParameters, seed: int) -> CellFit:
    """Fit every layer alone, then weight the layers' logits so that their sum is calibrated.

    The weights come from a logistic regression on the layers' logits over the training pixels (stacking); ours. A
    target whose labels in the cell are all alike keeps the bias of its top-layer classifier.

    See Also
    --------
    Solver.fit : takes the same parameters and fits all layers jointly.
    """
    widths = np.diff(solver.standardisation.edges)
    fits = [solver.restrict(layer).fit(n_targets, cell, settings, seed) for layer in solver.standardisation.shift]
    weights, bias = np.concatenate([fit.weights for fit in fits], axis=1), fits[-1].bias.copy()
    logits, labels = solver.layer_logits(cell, weights)
    for target in range(n_targets):
        known = labels[:, target] != IGNORE
        if len(np.unique(labels[known, target])) < 2:
            continue
        calibration = LogisticRegression().fit(logits[known, target], labels[known, target])
        weights[target] *= np.repeat(calibration.coef_[0], widths)
        bias[target] = calibration.intercept_[0]
    return CellFit(weights, bias)
