"""Reading of features that must be finite: what is not would become weights and masks without a word."""

import numpy as np
from numpy.typing import NDArray

from hypercolumns.errors import InputError
from hypercolumns.features.schema import REGIONS_PER_PART
from hypercolumns.features.store import FeatureStore
from hypercolumns.stores.finite import has_only_finite


def read_finite(store: FeatureStore, layer: str, rows: slice) -> NDArray[np.float16]:
    """Read a layer's block of contiguous rows as `FeatureStore.read` does.

    Raises
    ------
    InputError
        When a value is NaN or infinite, naming the store, the array and the rows.
    """
    block = store.read(layer, rows)
    if has_only_finite(block):
        return block
    bad = rows.start + np.flatnonzero([not has_only_finite(region) for region in block])
    raise InputError(
        f"{store.path} holds values that are NaN or infinite: part {rows.start // REGIONS_PER_PART} of the array "
        f"'blocks/{layer}' has them in {len(bad)} of its rows, the first of which is {bad[0]}. `hypercolumns verify "
        f"{store.path}` says whether it was damaged; if not, it was written so: extract the features again.",
        "extract",
    )
