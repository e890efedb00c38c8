"""Late fusion: classifiers trained on one layer each, their calibrated logits added (`fusion: per_block`)."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from hypercolumns.grid.solver import CellFit, Solver
from hypercolumns.grid.targets import IGNORE
from hypercolumns.parameters import TrainParameters


def fuse_layers(solver: Solver, n_targets: int, cell: int, settings: TrainParameters, seed: int) -> CellFit:
    """Fit every layer alone, then weigh their logits so that the sum is calibrated.

    The weights come from a logistic regression on the layers' logits over the training pixels (stacking); ours. A
    target that is always or never there keeps the bias of the top layer.
    """
    widths = np.diff(solver.standardisation.edges)
    alone = [solver.restrict(layer).fit(n_targets, cell, settings, seed) for layer in solver.standardisation.shift]
    weights, bias = np.concatenate([fit.weights for fit in alone], axis=1), alone[-1].bias.copy()
    by_layer, labels = solver.layer_logits(cell, weights)
    for target in range(n_targets):
        known = labels[:, target] != IGNORE
        if len(np.unique(labels[known, target])) < 2:
            continue
        stack = LogisticRegression().fit(by_layer[known, target], labels[known, target])
        weights[target] *= np.repeat(stack.coef_[0], widths)
        bias[target] = stack.intercept_[0]
    return CellFit(weights, bias)
