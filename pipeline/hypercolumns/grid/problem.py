"""The classifiers of one cell as a worker gets them to fit."""

from dataclasses import dataclass

from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.sgd.samples import SampleFiles
from hypercolumns.grid.standardise import Standardisation
from hypercolumns.parameters import TrainParameters


@dataclass(frozen=True)
class CellProblem:
    """Everything that fitting one cell's classifiers takes."""

    files: SampleFiles | MapFiles
    grid: int
    cell: int
    rows: slice
    """Rows of the store that belong to the group."""
    standardisation: Standardisation
    n_targets: int
    settings: TrainParameters
    seed: int
    device: str
    """Where the exact solver computes: cpu or cuda."""
