"""The functions that training submits to Dask workers.

They import torch and scikit-learn only when called: loading these takes seconds, which the client is spared.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.problem import CellProblem
from hypercolumns.grid.sgd.samples import SampleFiles
from hypercolumns.grid.solver import CellFit
from hypercolumns.grid.standardise import Moments


def solver_device(name: str) -> str:
    """Device of the exact solver on this worker; see `fitting.solver_device`."""
    from hypercolumns.grid import fitting

    return fitting.solver_device(name)


def lay_out_shard(files: SampleFiles | MapFiles, shard: int) -> dict[str, Moments]:
    """Write the file of one shard and measure its moments; nothing if the client has removed the folder meanwhile."""
    with _ignore_errors_after_client_left(files):
        return files.lay_out(shard)
    return {}


def fit_cell(problem: CellProblem) -> CellFit:
    """Fit the classifiers of one cell; an empty fit if the client has removed the files meanwhile."""
    from hypercolumns.grid import fitting

    with _ignore_errors_after_client_left(problem.files):
        return fitting.fit_cell(problem)
    return CellFit(np.empty((0, 0)), np.empty(0))


@contextmanager
def _ignore_errors_after_client_left(files: SampleFiles | MapFiles) -> Iterator[None]:
    """Ignore an OSError once the client has removed the files and left: nobody waits for the result."""
    try:
        yield
    except OSError:
        if files.folder.exists():
            raise
