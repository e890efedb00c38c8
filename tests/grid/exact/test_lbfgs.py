"""Many problems solved at once must each end where they end alone."""

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from hypercolumns.grid.exact.lbfgs import minimise


def problems(count: int) -> tuple[Tensor, Tensor]:
    """Curvatures (problem, variable, variable), from well to badly conditioned, and slopes (problem, variable)."""
    rng = np.random.default_rng(3)
    bases = [np.linalg.qr(rng.normal(size=(12, 12)))[0] for _ in range(count)]
    spread = [np.geomspace(1, 10.0 ** (i + 1), 12) for i in range(count)]
    curvature = np.stack([q @ np.diag(s) @ q.T for q, s in zip(bases, spread, strict=True)])
    return torch.from_numpy(curvature), torch.from_numpy(rng.normal(size=(count, 12)))


def test_quadratics_of_different_conditioning_end_at_their_solutions() -> None:
    curvature, slope = problems(4)

    def evaluate(at: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        turned = torch.einsum("pij,pj->pi", curvature[which], at)
        return (at * turned).sum(dim=1) / 2 - (slope[which] * at).sum(dim=1), turned - slope[which]

    found, solved = minimise(evaluate, torch.zeros((4, 12), dtype=torch.float64), tolerance=1e-9)
    assert solved.all()
    np.testing.assert_allclose(found, torch.linalg.solve(curvature, slope), rtol=1e-6, atol=1e-8)


def test_a_problem_takes_the_same_way_whether_others_are_solved_beside_it() -> None:
    """Of functions that are not quadratic, after a few iterations, so that the way counts and not the end."""
    curvature, slope = problems(3)

    def evaluate_of(problems: list[int]):  # type: ignore[no-untyped-def]
        def evaluate(at: Tensor, open_: Tensor) -> tuple[Tensor, Tensor]:
            which = torch.tensor(problems)[open_]
            turned = torch.einsum("pij,pj->pi", curvature[which], at)
            value = (at * turned).sum(dim=1) / 2 + (at**4).sum(dim=1) - (slope[which] * at).sum(dim=1)
            return value, turned + 4 * at**3 - slope[which]

        return evaluate

    start = torch.ones((3, 12), dtype=torch.float64)
    together, solved = minimise(evaluate_of([0, 1, 2]), start, tolerance=1e-12, iterations=7)
    assert not solved.any()  # after so few
    for i in range(3):
        alone, _ = minimise(evaluate_of([i]), start[[i]], tolerance=1e-12, iterations=7)
        np.testing.assert_allclose(together[i], alone[0], rtol=1e-10)


def test_what_is_known_of_the_curvature_saves_evaluations_and_gives_the_same_minimum() -> None:
    curvature = torch.diag(torch.cat([torch.full((11,), 1.0), torch.tensor([1000.0])])).double()[None]
    curvature[0, 0, 1] = curvature[0, 1, 0] = 0.5
    slope = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 12)))
    calls = []

    def evaluate(at: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(at)
        turned = torch.einsum("pij,pj->pi", curvature, at)
        return (at * turned).sum(dim=1) / 2 - (slope * at).sum(dim=1), turned - slope

    plain, _ = minimise(evaluate, torch.zeros_like(slope), tolerance=1e-9)
    without = len(calls)
    flatness = torch.cat([torch.ones(11), torch.tensor([0.001])]).double()
    informed, _ = minimise(evaluate, torch.zeros_like(slope), tolerance=1e-9, flatness=flatness)
    assert len(calls) - without < without
    np.testing.assert_allclose(informed, plain, rtol=1e-6, atol=1e-8)


def test_solved_problems_are_not_evaluated_any_more() -> None:
    curvature, slope = problems(4)
    asked = []

    def evaluate(at: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        asked.append(which.tolist())
        turned = torch.einsum("pij,pj->pi", curvature[which], at)
        return (at * turned).sum(dim=1) / 2 - (slope[which] * at).sum(dim=1), turned - slope[which]

    start = torch.linalg.solve(curvature, slope) * torch.tensor([[1.0], [0.0], [1.0], [0.0]], dtype=torch.float64)
    minimise(evaluate, start, tolerance=1e-6)
    assert asked[0] == [0, 1, 2, 3]
    assert asked[1] == [1, 3]
    assert len(asked[-1]) == 1


def test_a_problem_that_no_step_improves_is_left_unsolved_and_holds_up_no_other() -> None:
    """Its gradient points uphill, so that every step is too long; those before and after it are solved all the same."""
    lie = torch.tensor([[1.0], [-1.0], [1.0]], dtype=torch.float64)
    asked = []

    def evaluate(at: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        asked.append(which.tolist())
        return (at**2).sum(dim=1) / 2, at * lie[which]

    start = torch.arange(1.0, 7.0).double().view(3, 2)
    found, solved = minimise(evaluate, start, tolerance=1e-9)
    assert solved.tolist() == [True, False, True]
    np.testing.assert_array_equal(found[1], start[1])
    np.testing.assert_allclose(found[[0, 2]], 0, atol=1e-9)
    assert len(asked) < 50  # not all iterations


def test_as_few_evaluations_as_scipy_needs() -> None:
    """Within a factor of two, for a badly scaled start far from the minimum."""
    curvature, slope = problems(3)
    calls = 0

    def value(at: np.ndarray) -> tuple[float, np.ndarray]:  # type: ignore[type-arg]
        turned = curvature[2].numpy() @ at
        return float(at @ turned / 2 - slope[2].numpy() @ at), turned - slope[2].numpy()

    def evaluate(at: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal calls
        calls += 1
        loss, gradient = value(at[0].numpy())
        return torch.tensor([loss], dtype=torch.float64), torch.from_numpy(gradient)[None]

    start = np.full(12, 100.0)
    minimise(evaluate, torch.from_numpy(start)[None], tolerance=1e-6)
    theirs = minimize(value, start, jac=True, method="L-BFGS-B", options={"gtol": 1e-6, "ftol": 0, "maxcor": 10})
    assert calls <= 2 * theirs.nfev


def test_only_a_problem_whose_step_falls_short_is_evaluated_again() -> None:
    """The first step, along the gradient, is right for a curvature of one and 100 times too long for one of 100."""
    curvature = torch.tensor([1.0, 100.0], dtype=torch.float64)[:, None]
    asked = []

    def evaluate(at: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        asked.append(which.tolist())
        return (curvature[which] * at**2).sum(dim=1) / 2, curvature[which] * at

    found, solved = minimise(evaluate, torch.ones((2, 3), dtype=torch.float64), tolerance=1e-9)
    assert asked[:4] == [[0, 1], [0, 1], [1], [1]]
    assert solved.all()
    np.testing.assert_allclose(found, 0, atol=1e-9)
