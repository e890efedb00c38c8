"""The classifiers of one cell as a fitting problem that is sent to a worker."""

from dataclasses import dataclass

from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.sgd.samples import SampleFiles
from hypercolumns.grid.standardise import Standardisation
from hypercolumns.parameters import TrainParameters


@dataclass(frozen=True, kw_only=True)
class CellProblem:
    """Everything needed to fit the classifiers of one cell."""

    files: SampleFiles | MapFiles
    """Samples for the SGD solver, or maps for the exact one."""
    grid: int
    """Cells per side."""
    cell: int
    rows: slice
    """Rows of the store that belong to the group of categories."""
    standardisation: Standardisation
    n_targets: int
    settings: TrainParameters
    seed: int
    device: str
    """Device of the exact solver: cpu or cuda."""
