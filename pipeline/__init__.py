"""Cached hypercolumn features of any frozen backbone, and the K x K grids of linear classifiers on them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.features.store import FeatureStore

__all__ = ["FeatureStore"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: every command imports this package, few need Dask, pandas and Zarr.
    if name == "FeatureStore":
        from pipeline.features.store import FeatureStore

        return FeatureStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
