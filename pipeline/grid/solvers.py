"""What a worker does to fit a cell; imported there alone, since torch takes its time, scikit-learn where it is used."""

import torch

from pipeline.devices import choose_device
from pipeline.grid.exact import AllPixels
from pipeline.grid.fit import CellFit, CellProblem, Pixels
from pipeline.grid.maps import Maps


def fit_cell(problem: CellProblem) -> CellFit:
    """The classifiers of one cell, on raw hypercolumns."""
    pixels = _pixels(problem)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on any cluster: sums over several threads have other last bits
    try:
        if problem.settings.fusion == "joint":
            found = pixels.fit(problem.n_targets, problem.cell, problem.settings, problem.seed)
        else:
            from pipeline.grid.fusion import fuse_layers

            found = fuse_layers(pixels, problem.n_targets, problem.cell, problem.settings, problem.seed)
    finally:
        torch.set_num_threads(threads)
    return CellFit(*pixels.standardisation.fold(found.weights, found.bias))


def solver_device(name: str) -> str:
    """Where the exact solver computes, given `compute.device`: on CUDA or, since MPS has no float64, on the CPU."""
    return "cuda" if choose_device(name).type == "cuda" else "cpu"


def _pixels(problem: CellProblem) -> Pixels:
    source = problem.source
    if isinstance(source, Maps):
        return AllPixels(source, problem.grid, problem.rows, problem.standardisation, torch.device(problem.device))
    from pipeline.grid.sgd import SampledPixels

    return SampledPixels(source, problem.rows, problem.standardisation)
