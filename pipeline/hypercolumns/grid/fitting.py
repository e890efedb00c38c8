"""Fitting one cell on a worker. Clients do not import this module, since torch takes seconds to load."""

import torch

from hypercolumns.devices import choose_device
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.exact.solver import ExactSolver
from hypercolumns.grid.problem import CellProblem
from hypercolumns.grid.solver import CellFit, Solver


def fit_cell(problem: CellProblem) -> CellFit:
    """Fit the classifiers of one cell; weights and biases apply to raw hypercolumns."""
    solver = _solver(problem)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the last bits of a sum depend on the number of threads, which differs between machines
    try:
        if problem.settings.fusion == "joint":
            fit = solver.fit(problem.n_targets, problem.cell, problem.settings, problem.seed)
        else:
            from hypercolumns.grid.fusion import fuse_layers  # loads scikit-learn, which joint fits do not need

            fit = fuse_layers(solver, problem.n_targets, problem.cell, problem.settings, problem.seed)
    finally:
        torch.set_num_threads(threads)
    return CellFit(*solver.standardisation.fold(fit.weights, fit.bias))


def solver_device(name: str) -> str:
    """Device of the exact solver, given `compute.device`: CUDA, or the CPU (also instead of MPS, which lacks float64).

    Raises
    ------
    InputError
        When this machine lacks the device.
    """
    return "cuda" if choose_device(name).type == "cuda" else "cpu"


def _solver(problem: CellProblem) -> Solver:
    files = problem.files
    if isinstance(files, MapFiles):
        return ExactSolver(files, problem.grid, problem.rows, problem.standardisation, torch.device(problem.device))
    from hypercolumns.grid.sgd.solver import SgdSolver  # loads scikit-learn, which exact fits do not need

    return SgdSolver(files, problem.rows, problem.standardisation)
