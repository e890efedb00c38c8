"""Parts of arrays in one file must be those of the arrays, in a format that others read."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from hypercolumns.grid.array_file import ArrayFile

RNG = np.random.default_rng(0)
ARRAYS = {
    "maps": RNG.normal(size=(5, 7, 3, 2)).astype(np.float16),
    "labels": RNG.integers(-1, 2, (4, 6, 3), dtype=np.int8),
    "turned": RNG.normal(size=(3, 4, 6)).astype(np.float16).transpose(2, 0, 1),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    ArrayFile.write(tmp_path / "0.safetensors", ARRAYS)
    return tmp_path / "0.safetensors"


def test_safetensors_reads_what_was_written(path: Path) -> None:
    found = load_file(path)
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)


@pytest.mark.parametrize("rows", [slice(0, 1), slice(1, 4)])
@pytest.mark.parametrize("columns", [slice(0, None), slice(0, 2), slice(2, 3)])
@pytest.mark.parametrize("name", list(ARRAYS))
def test_a_part_is_that_of_the_array(path: Path, name: str, rows: slice, columns: slice) -> None:
    whole = ARRAYS[name]
    with ArrayFile(path) as file:
        assert file.shape(name) == whole.shape
        part = file.read(name, rows, slice(columns.start, columns.stop or whole.shape[1]))
    assert np.array_equal(part, whole[rows, columns])


def test_a_file_that_was_cut_off_is_not_read_as_if_it_were_whole(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])
    with ArrayFile(path) as file, pytest.raises(OSError, match="ends before its array 'turned' does"):
        file.read("turned", slice(0, 6), slice(0, 3))
