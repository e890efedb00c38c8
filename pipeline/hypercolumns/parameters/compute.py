"""Where the work runs."""

from typing import Literal

from hypercolumns.parameters.section import Count, Positive, Section


class ComputeParameters(Section):
    """Where the work runs; no stage depends on it."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Only the device changes a result (precision of float16 features; float32 rounding of the exact solver)."""
    batch_size: Positive = 32
    """Regions warped ahead at a time; a forward pass always takes 16, so that results do not depend on this."""
    workers: Count = 0
    """Dask worker processes; 0 takes one per core."""
    scheduler: str | None = None
    """Address of a running Dask scheduler, used instead of a local cluster."""
