"""A part of an array in a file is that part of the array, and the format is that of safetensors."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from hypercolumns.grid.shard_files import ArrayFile

RNG = np.random.default_rng(0)
ARRAYS = {
    "maps": RNG.normal(size=(5, 7, 3, 2)).astype(np.float16),
    "labels": RNG.integers(-1, 2, (4, 6, 3), dtype=np.int8),
    "transposed": RNG.normal(size=(3, 4, 6)).astype(np.float16).transpose(2, 0, 1),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with all of `ARRAYS`."""
    ArrayFile.write(tmp_path / "0.safetensors", ARRAYS)
    return tmp_path / "0.safetensors"


def test_safetensors_reads_the_file(path: Path) -> None:
    """The safetensors library finds the same names, dtypes and values."""
    arrays = load_file(path)
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert np.array_equal(arrays[name], array)


@pytest.mark.parametrize("rows", [slice(0, 1), slice(1, 4)])
@pytest.mark.parametrize("columns", [slice(0, None), slice(0, 2), slice(2, 3)])
@pytest.mark.parametrize("name", list(ARRAYS))
def test_read_equals_slicing(path: Path, name: str, rows: slice, columns: slice) -> None:
    """Reading rows and columns equals slicing the array, whether or not the columns are complete."""
    array = ARRAYS[name]
    with ArrayFile(path) as file:
        assert file.shape(name) == array.shape
        part = file.read(name, rows, slice(columns.start, columns.stop or array.shape[1]))
    assert part.dtype == array.dtype
    assert np.array_equal(part, array[rows, columns])


def test_truncated_file_is_refused(path: Path) -> None:
    """A file that lacks its last byte raises an error instead of giving arbitrary values."""
    path.write_bytes(path.read_bytes()[:-1])
    with ArrayFile(path) as file, pytest.raises(OSError, match="ends before its array 'transposed' does"):
        file.read("transposed", slice(0, 6), slice(0, 3))
