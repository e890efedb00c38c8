"""MATLAB files: valid ones are read as SciPy reads them, damaged ones are refused before SciPy crashes the process."""

import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_matrix

from hypercolumns.annotations.matlab.mat_file import read_struct
from hypercolumns.errors import InputError

CONTENT = {"a": {"numbers": np.arange(2000).reshape(40, 50) % 7, "inner": {"name": "head"}}}


@pytest.mark.parametrize("compressed", [True, False])
def test_nested_structs_are_dictionaries(tmp_path, compressed):
    """Fields of nested structs are read by name, with and without compression."""
    savemat(tmp_path / "a.mat", CONTENT, do_compression=compressed)
    found = read_struct(tmp_path / "a.mat", "a", "an annotation")
    np.testing.assert_array_equal(found["numbers"], CONTENT["a"]["numbers"])
    assert found["inner"]["name"] == "head"


def test_every_damaged_byte_of_a_compressed_variable_is_noticed(tmp_path):
    """Some of these bytes crash the process when SciPy reads the file directly."""
    path = tmp_path / "a.mat"
    savemat(path, CONTENT, do_compression=True)
    good = path.read_bytes()
    for position in range(136, len(good)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0x55]) + good[position + 1 :])
        with pytest.raises(InputError, match=r"a\.mat is not an annotation"):
            read_struct(path, "a", "an annotation")


def test_no_damaged_byte_of_an_uncompressed_variable_crashes_the_process(tmp_path):
    """Without a checksum not every change is noticed, but none may do more than raise our error."""
    outlines = np.empty((1, 2), dtype=object)
    outlines[0, 0], outlines[0, 1] = csc_matrix(np.eye(3)), np.zeros((0, 0))
    small = {"numbers": np.eye(3, dtype=np.uint8), "inner": {"name": "head"}, "outlines": outlines}
    savemat(tmp_path / "a.mat", {"a": small})
    program = f"""
from pathlib import Path
from hypercolumns.annotations.matlab.mat_file import read_struct
from hypercolumns.errors import InputError
path = Path({str(tmp_path / "a.mat")!r})
good, refused = path.read_bytes(), 0
for position in range(128, len(good)):
    for value in (0, 1, 14, 255, good[position] ^ 0x55):
        path.write_bytes(good[:position] + bytes([value]) + good[position + 1 :])
        try:
            read_struct(path, "a", "an annotation")
        except InputError:
            refused += 1
print("refused", refused)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr[-1000:]
    assert int(done.stdout.split()[1]) > 1000


@pytest.mark.parametrize(
    "value",
    [
        np.eye(3, dtype=bool),
        np.arange(6, dtype=np.int16).reshape(1, 2, 3),
        np.array([1 + 2j, 3]),
        np.float32(0.5),
        "",
        "text",
        np.array(["one", "three"], dtype=object),
        np.zeros((0, 3)),
        csc_matrix(np.eye(4) * 1j),
        np.zeros((1, 0), dtype=[("class", object), ("parts", object)]),
        {"deep": {"deeper": {"number": -1}}},
    ],
    ids=repr,
)
def test_compression_does_not_change_what_is_read(tmp_path, value):
    """Values of every class are accepted and equal, whether compressed or not."""
    for compressed in (True, False):
        savemat(tmp_path / f"{compressed}.mat", {"a": {"value": value, "other": 1}}, do_compression=compressed)
    one, two = (read_struct(tmp_path / f"{compressed}.mat", "a", "an annotation") for compressed in (True, False))
    assert repr(one) == repr(two)
    assert set(one) == {"value", "other"}


def test_what_inflates_beyond_the_limit_is_refused(tmp_path):
    """Some 300 KB become 300 MB."""
    savemat(tmp_path / "a.mat", {"a": {"numbers": np.zeros(2**20)}}, do_compression=True)
    packer = zlib.compressobj(1)
    body = b"".join(packer.compress(bytes(2**20)) for _ in range(300)) + packer.flush()
    content = (tmp_path / "a.mat").read_bytes()[:128] + struct.pack("<II", 15, len(body)) + body
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.mat is not an annotation: it has more than 256 MB when it is decomp"):
        read_struct(tmp_path / "a.mat", "a", "an annotation")


@pytest.mark.parametrize("content", [b"", bytes(200), b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\2IM" + bytes(64)])
def test_other_versions_are_refused_with_the_cure(tmp_path, content):
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(InputError, match="no header of version 5; save it in MATLAB with the option -v7"):
        read_struct(tmp_path / "a.mat", "a", "an annotation")


@pytest.mark.parametrize("content", [{"b": 1}, {"a": 3.0}, {"a": "text"}])
def test_a_file_without_the_struct_is_refused(tmp_path, content):
    """The variable must exist and be a struct."""
    savemat(tmp_path / "a.mat", content)
    with pytest.raises(InputError, match=r"a\.mat is not an annotation: it has no struct 'a'"):
        read_struct(tmp_path / "a.mat", "a", "an annotation")
