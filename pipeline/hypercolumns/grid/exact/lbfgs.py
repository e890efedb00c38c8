"""Limited-memory BFGS for many convex problems at once, so that one pass over the data serves all of them."""

from collections.abc import Callable

import torch
from torch import Tensor

MEMORY = 10
"""Steps remembered. Nocedal and Wright, Numerical Optimization, section 7.2: 3 to 20."""

ARMIJO_SHARE = 1e-4
"""A step must reach this share of the decrease that the slope promises. Nocedal and Wright, section 3.1."""

ROUNDING = 1e-6
"""Relative error of a value computed in float32."""

SLOPE_RATIO = 0.9
"""Share of the slope that may be left after a step that values cannot judge. Simplified from Hager and Zhang, 2005."""

MAX_HALVINGS = 20
"""A step halved more often is too small to matter in float32, and the problem stays where it is."""


Step = tuple[Tensor, Tensor, Tensor]
"""How far every problem moved, how its gradient changed, and the inverse of the curvature along the way."""


def minimise(
    evaluate: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    start: Tensor,
    tolerance: float,
    *,
    flatness: Tensor | None = None,
    iterations: int = 1000,
) -> tuple[Tensor, Tensor]:
    """Minimise smooth, strictly convex functions, one per row.

    Every problem has steps and a memory of its own, as if it were solved alone; only the evaluations are shared, by
    the problems that are still open.

    Parameters
    ----------
    evaluate
        Given points (open, variable) float64 and the indices (open,) of their problems, returns values (open,) and
        gradients (open, variable) there.
    start
        (problem, variable) float64, on the device of the work.
    tolerance
        A problem is solved when no entry of its gradient is larger.
    flatness
        (variable,) positive: the inverse curvature along each variable, up to a factor; None: all alike. A good guess
        saves evaluations and does not move the minimum.
    iterations
        Most steps.

    Returns
    -------
    The minima (problem, variable) float64, and whether each problem is solved (problem,).
    """
    flat = torch.ones_like(start[0]) if flatness is None else flatness
    found, solved = start.clone(), torch.zeros(len(start), dtype=torch.bool, device=start.device)
    problems, at = torch.arange(len(start), device=start.device), start
    value, gradient = evaluate(at, problems)
    stuck = torch.zeros_like(solved)
    steps: list[Step] = []
    for _ in range(iterations):
        found[problems], solved[problems] = at, _solved(gradient, tolerance)
        left = ~(solved[problems] | stuck)
        if not left.all():
            problems, at, value, gradient = problems[left], at[left], value[left], gradient[left]
            steps = [(moved[left], turned[left], inverse[left]) for moved, turned, inverse in steps]
        if not len(problems):
            break
        direction = -_inverse_hessian_times(gradient, steps, flat)
        slope = (direction * gradient).sum(dim=1)
        length = torch.ones_like(value)
        trial = at + direction
        new_value, new_gradient = evaluate(trial, problems)
        halvings = 0
        while (short := _falls_short(value, slope, length, new_value, (direction * new_gradient).sum(dim=1))).any():
            if halvings == MAX_HALVINGS:
                break
            halvings += 1
            length = torch.where(short, length / 2, length)
            trial[short] = at[short] + length[short, None] * direction[short]
            new_value[short], new_gradient[short] = evaluate(trial[short], problems[short])
        # A problem that does not decrease any more stays where it is.
        stuck = short
        trial, new_value = torch.where(stuck[:, None], at, trial), torch.where(stuck, value, new_value)
        new_gradient = torch.where(stuck[:, None], gradient, new_gradient)
        moved, turned = trial - at, new_gradient - gradient
        curvature = (moved * turned).sum(dim=1)
        inverse = torch.where(curvature > 0, 1 / curvature, 0)
        steps = [*steps[-(MEMORY - 1) :], (moved, turned, inverse)]
        at, value, gradient = trial, new_value, new_gradient
    found[problems], solved[problems] = at, _solved(gradient, tolerance)
    return found, solved


def _falls_short(value: Tensor, slope: Tensor, length: Tensor, new_value: Tensor, new_slope: Tensor) -> Tensor:
    """Whether a step of `length` along a direction with these slopes, before and after, decreases too little."""
    short = new_value > value + ARMIJO_SHARE * length * slope
    # Next to the minimum values differ by rounding only; then the slope tells.
    near = (new_value - value).abs() <= ROUNDING * value.abs()
    short &= ~(near & (new_slope.abs() <= SLOPE_RATIO * slope.abs()))
    return short | ~new_value.isfinite()


def _solved(gradient: Tensor, tolerance: float) -> Tensor:
    """Whether each problem is solved (problem,). NaN counts as unsolved."""
    return gradient.abs().amax(dim=1) <= tolerance


def _inverse_hessian_times(gradient: Tensor, steps: list[Step], flatness: Tensor) -> Tensor:
    """The two-loop recursion of L-BFGS, for every row. Nocedal and Wright, algorithm 7.4."""
    result = gradient
    shares = []
    for moved, turned, inverse in reversed(steps):
        share = inverse * (moved * result).sum(dim=1)
        result = result - share[:, None] * turned
        shares.append(share)
    result = result * flatness
    if steps:
        moved, turned, inverse = steps[-1]
        size = (turned * flatness * turned).sum(dim=1)
        result = result * torch.where(inverse > 0, 1 / (inverse * size), 1)[:, None]
    for (moved, turned, inverse), share in zip(steps, reversed(shares), strict=True):
        result = result + moved * (share - inverse * (turned * result).sum(dim=1))[:, None]
    return result
