"""Hardware and parallelism."""

from typing import Annotated, Literal

from pydantic import Field

from hypercolumns.parameters.section import Section


class ComputeParameters(Section):
    """Hardware and parallelism; no stage depends on them."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """auto, cpu, cuda or mps. The only key here that changes results, by rounding (float16 features, exact solver)."""
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 32
    """Regions warped ahead at a time; a forward pass always takes 16, so results do not depend on this."""
    workers: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Dask worker processes; 0 starts one per core."""
    scheduler: str | None = None
    """Address of a running Dask scheduler, whose workers run all heavy stages; null starts local workers."""
    storage: str | None = None
    """Object store for stores and shared work, such as s3://bucket/folder; null keeps them in data and .scratch."""
