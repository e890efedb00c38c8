"""Limited-memory BFGS for many convex problems at once, so that one pass over the data serves all of them."""

from collections.abc import Callable

import torch
from torch import Tensor

HISTORY_SIZE = 10
"""Steps remembered. Nocedal and Wright, Numerical Optimization, section 7.2: 3 to 20."""

ARMIJO_SHARE = 1e-4
"""A step must achieve this share of the decrease that the slope predicts. Nocedal and Wright, section 3.1."""

RELATIVE_ERROR = 1e-6
"""Relative error of a value computed in float32."""

SLOPE_RATIO = 0.9
"""Share of the slope that may remain after a step whose change in value is lost in rounding. Simplified from Hager and
Zhang, 2005."""

MAX_HALVINGS = 20
"""A problem stays where it is once a step was halved this often: shorter ones make no difference in float32."""

Step = tuple[Tensor, Tensor, Tensor]
"""Displacement (problem, variable), change of the gradient (problem, variable), and rho (problem,), the inverse of
their inner product; 0 where the curvature is not positive."""


def minimise(
    evaluate: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    start: Tensor,
    tolerance: float,
    *,
    inverse_curvature: Tensor | None = None,
    iterations: int = 1000,
) -> tuple[Tensor, Tensor]:
    """Minimise smooth, strictly convex functions, one per row.

    Every problem has its own step lengths and memory, as if it were solved alone. Only the evaluations are shared, by
    the problems that are not solved yet.

    Parameters
    ----------
    evaluate
        Takes points (n, variable) float64 and the indices (n,) of their problems, ascending; returns the values (n,)
        and gradients (n, variable) there.
    start
        (problem, variable) float64, on the device to compute on.
    tolerance
        A problem is solved when no entry of its gradient exceeds this.
    inverse_curvature
        (variable,) positive estimates of the inverse curvature along each variable, up to a common factor; None: all
        equal. Good estimates save evaluations; they do not change the minimum.
    iterations
        Maximum number of steps.

    Returns
    -------
    The minima (problem, variable) float64, and whether each problem is solved (problem,).
    """
    preconditioner = torch.ones_like(start[0]) if inverse_curvature is None else inverse_curvature
    minima, solved = start.clone(), torch.zeros(len(start), dtype=torch.bool, device=start.device)
    problems, points = torch.arange(len(start), device=start.device), start
    value, gradient = evaluate(points, problems)
    stuck = torch.zeros_like(solved)
    steps: list[Step] = []
    for _ in range(iterations):
        minima[problems], solved[problems] = points, _solved(gradient, tolerance)
        unsolved = ~(solved[problems] | stuck)
        if not unsolved.all():
            problems, points = problems[unsolved], points[unsolved]
            value, gradient = value[unsolved], gradient[unsolved]
            steps = [(moved[unsolved], change[unsolved], rho[unsolved]) for moved, change, rho in steps]
        if not len(problems):
            break
        direction = -_inverse_hessian_times(gradient, steps, preconditioner)
        slope = (direction * gradient).sum(dim=1)
        length = torch.ones_like(value)
        trial = points + direction
        new_value, new_gradient = evaluate(trial, problems)
        halvings = 0
        while (poor := _is_poor(value, slope, length, new_value, (direction * new_gradient).sum(dim=1))).any():
            if halvings == MAX_HALVINGS:
                break
            halvings += 1
            length = torch.where(poor, length / 2, length)
            trial[poor] = points[poor] + length[poor, None] * direction[poor]
            new_value[poor], new_gradient[poor] = evaluate(trial[poor], problems[poor])
        # A problem that cannot be decreased any further stays where it is.
        stuck = poor
        trial[stuck], new_value[stuck], new_gradient[stuck] = points[stuck], value[stuck], gradient[stuck]
        moved, change = trial - points, new_gradient - gradient
        curvature = (moved * change).sum(dim=1)
        rho = torch.where(curvature > 0, 1 / curvature, 0)
        steps = [*steps[-(HISTORY_SIZE - 1) :], (moved, change, rho)]
        points, value, gradient = trial, new_value, new_gradient
    minima[problems], solved[problems] = points, _solved(gradient, tolerance)
    return minima, solved


def _is_poor(value: Tensor, slope: Tensor, length: Tensor, new_value: Tensor, new_slope: Tensor) -> Tensor:
    """Whether a step of `length` decreases the value too little; slopes are along its direction, before and after."""
    poor = new_value > value + ARMIJO_SHARE * length * slope
    # Near the minimum, values differ by rounding errors only; there the slope decides.
    indistinguishable = (new_value - value).abs() <= RELATIVE_ERROR * value.abs()
    poor &= ~(indistinguishable & (new_slope.abs() <= SLOPE_RATIO * slope.abs()))
    return poor | ~new_value.isfinite()


def _solved(gradient: Tensor, tolerance: float) -> Tensor:
    """Whether each problem is solved (problem,). NaN counts as unsolved."""
    return gradient.abs().amax(dim=1) <= tolerance


def _inverse_hessian_times(gradient: Tensor, steps: list[Step], preconditioner: Tensor) -> Tensor:
    """The two-loop recursion of L-BFGS, for every row. Nocedal and Wright, algorithm 7.4."""
    result = gradient
    alphas = []
    for moved, change, rho in reversed(steps):
        alpha = rho * (moved * result).sum(dim=1)
        result = result - alpha[:, None] * change
        alphas.append(alpha)
    result = result * preconditioner
    if steps:
        moved, change, rho = steps[-1]
        size = (change * preconditioner * change).sum(dim=1)
        result = result * torch.where(rho > 0, 1 / (rho * size), 1)[:, None]
    for (moved, change, rho), alpha in zip(steps, reversed(alphas), strict=True):
        result = result + moved * (alpha - rho * (change * result).sum(dim=1))[:, None]
    return result
