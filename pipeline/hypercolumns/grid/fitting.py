"""Fitting one cell, on a worker. Clients do not import this module, since torch takes seconds to load."""

import torch

from hypercolumns.devices import choose_device
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.exact.solver import ExactSolver
from hypercolumns.grid.problem import CellProblem
from hypercolumns.grid.solver import CellFit, Solver


def fit_cell(problem: CellProblem) -> CellFit:
    """Fit the classifiers of one cell; weights and biases are those on raw hypercolumns."""
    solver = _solver(problem)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums over several threads would differ in their last bits from one machine to another
    try:
        if problem.settings.fusion == "joint":
            found = solver.fit(problem.n_targets, problem.cell, problem.settings, problem.seed)
        else:
            from hypercolumns.grid.fusion import fuse_layers  # scikit-learn, which joint fits need not load

            found = fuse_layers(solver, problem.n_targets, problem.cell, problem.settings, problem.seed)
    finally:
        torch.set_num_threads(threads)
    return CellFit(*solver.standardisation.fold(found.weights, found.bias))


def solver_device(name: str) -> str:
    """Where the exact solver computes, given `compute.device`: on CUDA or, since MPS has no float64, on the CPU."""
    return "cuda" if choose_device(name).type == "cuda" else "cpu"


def _solver(problem: CellProblem) -> Solver:
    files = problem.files
    if isinstance(files, MapFiles):
        return ExactSolver(files, problem.grid, problem.rows, problem.standardisation, torch.device(problem.device))
    from hypercolumns.grid.sgd.solver import SgdSolver  # scikit-learn, which exact fits need not load

    return SgdSolver(files, problem.rows, problem.standardisation)
