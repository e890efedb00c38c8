"""MATLAB files: what SciPy reads is read, what is damaged is refused before SciPy crashes the process over it."""

import numpy as np
import pytest
from scipy.io import savemat

from pipeline.annotations.mat_file import read_struct
from pipeline.errors import InputError

CONTENT = {"a": {"numbers": np.arange(2000).reshape(40, 50) % 7, "inner": {"name": "head"}}}


@pytest.mark.parametrize("compressed", [True, False])
def test_nested_structs_are_dictionaries(tmp_path, compressed):
    savemat(tmp_path / "a.mat", CONTENT, do_compression=compressed)
    found = read_struct(tmp_path / "a.mat", "a", "annotation")
    np.testing.assert_array_equal(found["numbers"], CONTENT["a"]["numbers"])
    assert found["inner"]["name"] == "head"


def test_every_damaged_byte_of_a_compressed_variable_is_noticed(tmp_path):
    """Some of them end the process in SciPy alone."""
    path = tmp_path / "a.mat"
    savemat(path, CONTENT, do_compression=True)
    good = path.read_bytes()
    for at in range(136, len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :])
        with pytest.raises(InputError, match=r"a\.mat is no annotation"):
            read_struct(path, "a", "annotation")


@pytest.mark.parametrize("content", [{"b": 1}, {"a": 3.0}, {"a": "text"}])
def test_another_variable_or_no_struct_is_refused(tmp_path, content):
    savemat(tmp_path / "a.mat", content)
    with pytest.raises(InputError, match=r"a\.mat is no annotation: it has no struct 'a'"):
        read_struct(tmp_path / "a.mat", "a", "annotation")
