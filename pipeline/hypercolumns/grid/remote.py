"""The functions that training submits to Dask workers.

They import torch and scikit-learn only when called: loading these takes seconds, which the client is spared.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from hypercolumns.errors import InputError
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.problem import CellFit, CellProblem, Solver
from hypercolumns.grid.sgd.samples import SampleFiles
from hypercolumns.grid.shard_files import ShardFiles
from hypercolumns.grid.standardise import Moments


def solver_device(name: str) -> str:
    """Device of the exact solver, given `compute.device`: CUDA, or the CPU (also instead of MPS, which lacks float64).

    Raises
    ------
    InputError
        When this machine lacks the device.
    """
    from hypercolumns.devices import choose_device

    return "cuda" if choose_device(name).type == "cuda" else "cpu"


def lay_out_file(files: SampleFiles | MapFiles, file: int) -> list[dict[str, Moments]] | None:
    """Write one file and measure the moments of its shards; None if the files have been removed meanwhile."""
    with _ignore_errors_after_client_left(files):
        moments = files.lay_out(file)
        if files.in_use:
            return moments
        files.discard(file)
    return None


def fit_cell(problem: CellProblem[Any], shared: CellFit | None = None) -> CellFit | None:
    """Fit the classifiers of one cell; None if the files have been removed meanwhile.

    Parameters
    ----------
    shared
        Classifiers of raw hypercolumns that those of a category are adapted from; None: from nothing.

    Returns
    -------
    Weights and biases that apply to raw hypercolumns.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the last bits of a sum depend on the number of threads, which differs between machines
    try:
        with _ignore_errors_after_client_left(problem.files):
            if shared is not None:
                origin = CellFit(*problem.standardisation.unfold(shared.weights, shared.bias))
                problem = replace(problem, origin=origin)
            fit = _fit(problem)
            return CellFit(*problem.standardisation.fold(fit.weights, fit.bias))
    finally:
        torch.set_num_threads(threads)
    return None


def _fit(problem: CellProblem[Any]) -> CellFit:
    """Fit as the settings say; importing only what they need, since scikit-learn is slow to load."""
    solver: Solver[Any]
    if problem.settings.solver == "exact":
        from hypercolumns.grid.exact.solver import ExactSolver

        solver = ExactSolver(problem)
    else:
        from hypercolumns.grid.sgd.solver import SgdSolver

        solver = SgdSolver(problem)
    if problem.settings.fusion == "joint":
        return solver.fit()
    from hypercolumns.grid.fusion import fuse_layers

    return fuse_layers(solver)


@contextmanager
def _ignore_errors_after_client_left(files: ShardFiles) -> Iterator[None]:
    """Ignore errors of reading and writing once the files are removed: the client has most likely left."""
    try:
        yield
    except (OSError, InputError):
        if files.in_use:
            raise
