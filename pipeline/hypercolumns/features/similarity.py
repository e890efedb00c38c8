"""Regions whose blocks of a layer resemble those of a given region."""

import numpy as np
from numpy.typing import NDArray

from hypercolumns.features.schema import parts
from hypercolumns.stores.arrays import StoredArray


def most_similar(
    block: StoredArray, row: int, candidates: NDArray[np.bool_], n: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Find the `n` candidates whose blocks have the largest cosine with that of `row`, the most similar first.

    A block counts as one vector of all its cells and channels, so that rows are similar where the layer sees the same
    at the same places of the box. Reads one part at a time, and only parts with candidates.

    Parameters
    ----------
    block
        (region, channel, y, x) of a layer.
    candidates
        (region,) mask.

    Returns
    -------
    (k,) rows and (k,) cosines from -1 to 1, k = n or the number of candidates. A block of zeros has the cosine 0. Of
    equal cosines the lower row comes first.

    Notes
    -----
    Ours.
    """
    query = _flat(block[row : row + 1])[0]
    query_length = np.linalg.norm(query)
    rows, cosines = np.empty(0, np.intp), np.empty(0, np.float32)
    for part in parts(len(block)):
        inside = np.flatnonzero(candidates[part])
        if len(inside):
            flat = _flat(block[part])
            lengths = query_length * np.sqrt(np.einsum("ij,ij->i", flat, flat))
            found = np.einsum("ij,j->i", flat, query) / np.where(lengths > 0, lengths, 1)
            rows, cosines = np.append(rows, part.start + inside), np.append(cosines, found[inside])
            best = np.argsort(-cosines, kind="stable")[:n]
            rows, cosines = rows[best], cosines[best]
    return rows, cosines


def _flat(blocks: NDArray[np.float16]) -> NDArray[np.float32]:
    """Blocks as (row, value); sums in half precision would overflow."""
    return blocks.reshape(len(blocks), -1).astype(np.float32)
