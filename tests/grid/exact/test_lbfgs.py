"""Problems that are minimised together end where they end alone, in few evaluations."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from hypercolumns.grid.exact.lbfgs import minimise

Evaluate = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def random_quadratics(count: int) -> tuple[Tensor, Tensor]:
    """Curvatures (problem, variable, variable), from well to badly conditioned, and slopes (problem, variable)."""
    rng = np.random.default_rng(3)
    bases = [np.linalg.qr(rng.normal(size=(12, 12)))[0] for _ in range(count)]
    spectra = [np.geomspace(1, 10.0 ** (i + 1), 12) for i in range(count)]
    curvature = np.stack([q @ np.diag(s) @ q.T for q, s in zip(bases, spectra, strict=True)])
    return torch.from_numpy(curvature), torch.from_numpy(rng.normal(size=(count, 12)))


def quadratic(curvature: Tensor, slope: Tensor, calls: list[list[int]] | None = None) -> Evaluate:
    """x . curvature x / 2 - slope . x for every problem; `calls` records the problems of each evaluation."""

    def evaluate(points: Tensor, problems: Tensor) -> tuple[Tensor, Tensor]:
        if calls is not None:
            calls.append(problems.tolist())
        product = torch.einsum("pij,pj->pi", curvature[problems], points)
        value = (points * product).sum(dim=1) / 2 - (slope[problems] * points).sum(dim=1)
        return value, product - slope[problems]

    return evaluate


def test_quadratics_end_at_their_solutions() -> None:
    """Problems of different conditioning all reach the solution of their linear system."""
    curvature, slope = random_quadratics(4)
    minima, solved = minimise(quadratic(curvature, slope), torch.zeros_like(slope), tolerance=1e-9)
    assert solved.all()
    np.testing.assert_allclose(minima, torch.linalg.solve(curvature, slope), rtol=1e-6, atol=1e-8)


def test_a_problem_takes_the_same_path_alone_and_among_others() -> None:
    """Points of functions that are not quadratic agree after a few steps, long before the minimum."""
    curvature, slope = random_quadratics(3)

    def quartic(selected: list[int]) -> Evaluate:
        evaluate_quadratic = quadratic(curvature[selected], slope[selected])

        def evaluate(points: Tensor, problems: Tensor) -> tuple[Tensor, Tensor]:
            value, gradient = evaluate_quadratic(points, problems)
            return value + (points**4).sum(dim=1), gradient + 4 * points**3

        return evaluate

    start = torch.ones((3, 12), dtype=torch.float64)
    together, solved = minimise(quartic([0, 1, 2]), start, tolerance=1e-12, iterations=7)
    assert not solved.any()
    for i in range(3):
        alone, _ = minimise(quartic([i]), start[[i]], tolerance=1e-12, iterations=7)
        np.testing.assert_allclose(together[i], alone[0], rtol=1e-10)


def test_a_good_inverse_curvature_saves_evaluations() -> None:
    """Knowing the scale of one badly scaled variable takes fewer evaluations to the same minimum."""
    curvature = torch.diag(torch.cat([torch.full((11,), 1.0), torch.tensor([1000.0])])).double()[None]
    curvature[0, 0, 1] = curvature[0, 1, 0] = 0.5
    slope = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 12)))
    calls: list[list[int]] = []
    informed_calls: list[list[int]] = []
    plain, _ = minimise(quadratic(curvature, slope, calls), torch.zeros_like(slope), tolerance=1e-9)
    informed, _ = minimise(
        quadratic(curvature, slope, informed_calls),
        torch.zeros_like(slope),
        tolerance=1e-9,
        inverse_curvature=torch.cat([torch.ones(11), torch.tensor([0.001])]).double(),
    )
    assert len(informed_calls) < len(calls)
    np.testing.assert_allclose(informed, plain, rtol=1e-6, atol=1e-8)


def test_solved_problems_are_not_evaluated_again() -> None:
    """Two problems that start at their solutions take part in the first evaluation only."""
    curvature, slope = random_quadratics(4)
    calls: list[list[int]] = []
    start = torch.linalg.solve(curvature, slope) * torch.tensor([[1.0], [0.0], [1.0], [0.0]], dtype=torch.float64)
    minimise(quadratic(curvature, slope, calls), start, tolerance=1e-6)
    assert calls[0] == [0, 1, 2, 3]
    assert calls[1] == [1, 3]
    assert len(calls[-1]) == 1


def test_a_problem_that_no_step_improves_stays_without_delaying_others() -> None:
    """A gradient that points uphill makes every step fail; the problems before and after it are solved all the same."""
    sign = torch.tensor([[1.0], [-1.0], [1.0]], dtype=torch.float64)
    calls = []

    def evaluate(points: Tensor, problems: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(problems.tolist())
        return (points**2).sum(dim=1) / 2, points * sign[problems]

    start = torch.arange(1.0, 7.0).double().view(3, 2)
    minima, solved = minimise(evaluate, start, tolerance=1e-9)
    assert solved.tolist() == [True, False, True]
    np.testing.assert_array_equal(minima[1], start[1])
    np.testing.assert_allclose(minima[[0, 2]], 0, atol=1e-9)
    assert len(calls) < 50  # far fewer than the maximum number of steps


def test_evaluations_are_as_few_as_scipys() -> None:
    """Within a factor of two of L-BFGS-B, for a badly scaled problem far from its minimum."""
    curvature, slope = (values[[2]] for values in random_quadratics(3))
    calls: list[list[int]] = []
    evaluate = quadratic(curvature, slope, calls)

    def scipy_evaluate(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, gradient = quadratic(curvature, slope)(torch.from_numpy(point)[None], torch.tensor([0]))
        return value.item(), gradient[0].numpy()

    start = np.full(12, 100.0)
    minimise(evaluate, torch.from_numpy(start)[None], tolerance=1e-6)
    options = {"gtol": 1e-6, "ftol": 0, "maxcor": 10}
    scipy_result = minimize(scipy_evaluate, start, jac=True, method="L-BFGS-B", options=options)
    assert len(calls) <= 2 * scipy_result.nfev


def test_only_a_problem_with_a_poor_step_is_evaluated_again() -> None:
    """The first step follows the gradient: right for a curvature of one, 100 times too long for one of 100."""
    curvature = torch.tensor([1.0, 100.0], dtype=torch.float64)[:, None]
    calls = []

    def evaluate(points: Tensor, problems: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(problems.tolist())
        return (curvature[problems] * points**2).sum(dim=1) / 2, curvature[problems] * points

    minima, solved = minimise(evaluate, torch.ones((2, 3), dtype=torch.float64), tolerance=1e-9)
    assert calls[:4] == [[0, 1], [0, 1], [1], [1]]
    assert solved.all()
    np.testing.assert_allclose(minima, 0, atol=1e-9)
