"""The Dask scheduler of the parameters, for steps that compute in this process where there is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hypercolumns.parameters import ComputeParameters

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def scheduler_of(compute: ComputeParameters) -> Iterator["Client | None"]:
    """Provide a client of `compute.scheduler` within a `with` block; None if the parameters name none.

    Raises
    ------
    InputError
        As `connection.connect`.
    """
    if compute.scheduler is None:
        yield None
        return
    from hypercolumns.cluster.connection import connect  # Dask takes half a second to import

    with connect(compute) as client:
        yield client
