"""A part of an array in a file is that part of the array, or an error names it; the format is that of safetensors."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from hypercolumns.errors import InputError
from hypercolumns.grid.array_file import ArrayFile
from hypercolumns.places.place import Place, place_at
from tests.object_store.proxy import fault_proxy
from tests.object_store.server import S3Server

NAME = "0.safetensors"
RNG = np.random.default_rng(0)
ARRAYS = {
    "maps": RNG.normal(size=(5, 7, 3, 2)).astype(np.float16),
    "labels": RNG.integers(-1, 2, (4, 6, 3), dtype=np.int8),
    "transposed": RNG.normal(size=(3, 4, 6)).astype(np.float16).transpose(2, 0, 1),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with all of `ARRAYS`."""
    ArrayFile.write(place_at(tmp_path), NAME, ARRAYS)
    return tmp_path / NAME


def opened(path: Path) -> ArrayFile:
    return ArrayFile(place_at(path.parent), path.name)


def read_records(file: ArrayFile) -> None:
    """Read every record of an open file."""
    for name, array in ARRAYS.items():
        file.read(name, slice(0, array.shape[0]), slice(0, array.shape[1]))


def read_all(path: Path) -> None:
    """Open a file and read every record."""
    with opened(path) as file:
        read_records(file)


def test_safetensors_reads_the_file(path: Path) -> None:
    """The safetensors library finds the same names, dtypes and values, and one checksum per record."""
    arrays = load_file(path)
    assert set(arrays) == set(ARRAYS) | {f"{name} crc32c" for name in ARRAYS}
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert np.array_equal(arrays[name], array)
        assert arrays[f"{name} crc32c"].shape == array.shape[:2]


@pytest.mark.parametrize("rows", [slice(0, 1), slice(1, 4)])
@pytest.mark.parametrize("columns", [slice(0, None), slice(0, 2), slice(2, 3)])
@pytest.mark.parametrize("name", list(ARRAYS))
def test_read_equals_slicing(path: Path, name: str, rows: slice, columns: slice) -> None:
    """Reading rows and columns equals slicing the array, whether or not the columns are complete."""
    array = ARRAYS[name]
    with opened(path) as file:
        assert file.shape(name) == array.shape
        for _ in range(2):  # the second time, the records are known to be intact
            part = file.read(name, rows, slice(columns.start, columns.stop or array.shape[1]))
            assert part.dtype == array.dtype
            assert np.array_equal(part, array[rows, columns])


def test_every_flipped_bit_is_noticed(path: Path) -> None:
    """Wherever it is, in header, arrays or checksums, also in a file that this process has read before."""
    read_all(path)
    content = path.read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(InputError, match=r"0\.safetensors is damaged.*Run the step again"):
            read_all(path)
    path.write_bytes(content)
    read_all(path)


@pytest.mark.parametrize("name", list(ARRAYS))
def test_damage_names_the_array(path: Path, name: str) -> None:
    content = bytearray(path.read_bytes())
    values = np.ascontiguousarray(ARRAYS[name])
    content[content.index(values.tobytes()) + (2 * values.shape[1] + 1) * values[0, 0].nbytes] ^= 4
    path.write_bytes(content)
    with opened(path) as file:
        file.read(name, slice(0, 2), slice(0, 2))
        with pytest.raises(InputError, match=f"in the array '{name}': its checksum does not match"):
            file.read(name, slice(1, 3), slice(0, 2))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def extend(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"\0")


@pytest.mark.parametrize("damage", [truncate, empty, extend, Path.unlink])
def test_a_file_of_another_size_or_none_is_refused(path: Path, damage: Callable[[Path], None]) -> None:
    damage(path)
    with pytest.raises(InputError, match=r"0\.safetensors is damaged: (it|its header) (has|is)"):
        read_all(path)


def test_a_file_that_is_truncated_while_it_is_read_is_refused(path: Path) -> None:
    with opened(path) as file:
        os.truncate(path, path.stat().st_size - 600)
        with pytest.raises(InputError, match="in the array 'transposed': it is truncated"):
            file.read("transposed", slice(0, 6), slice(0, 3))


def test_a_failed_write_leaves_the_older_file(path: Path, tmp_path: Path) -> None:
    """A worker of a killed run may end at any moment."""
    with pytest.raises(KeyError):
        ArrayFile.write(place_at(tmp_path), NAME, {"wide": np.zeros((2, 2))})
    read_all(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def in_bucket(bucket: S3Server) -> Place:
    """A place in an object store with a file that holds all of `ARRAYS`."""
    place = place_at(bucket.url).below("files")
    ArrayFile.write(place, NAME, ARRAYS)
    return place


def test_an_object_is_the_file_and_is_read_alike(in_bucket: Place, path: Path) -> None:
    assert in_bucket.read(NAME) == path.read_bytes()
    with ArrayFile(in_bucket, NAME) as file:
        for name, array in ARRAYS.items():
            rows, columns = slice(1, array.shape[0]), slice(1, 3)
            part = file.read(name, rows, columns)
            assert part.dtype == array.dtype
            assert np.array_equal(part, array[rows, columns])
            part[:] = 0  # solvers compute in place


def test_rows_are_read_in_one_request(bucket: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is each of the four parts of a header, once in a process."""
    maps = RNG.normal(size=(50, 40, 8, 4)).astype(np.float16)
    with fault_proxy(bucket.endpoint) as proxy:
        for name, value in bucket.at(proxy.endpoint).environment.items():
            monkeypatch.setenv(name, value)
        place = place_at(bucket.url).below("files")
        ArrayFile.write(place, NAME, {"maps": maps})
        proxy.forget()
        with ArrayFile(place, NAME) as file:
            assert len(proxy.requests) <= 4
            proxy.forget()
            for rows, columns in ((slice(3, 47), slice(0, 40)), (slice(3, 47), slice(10, 20))):
                assert np.array_equal(file.read("maps", rows, columns), maps[rows, columns])
                assert len(proxy.requests) == 1
                proxy.forget()
        with ArrayFile(place, NAME):
            assert not proxy.requests


def test_a_damaged_object_is_refused_in_the_words_of_a_damaged_file(in_bucket: Place, path: Path) -> None:
    """The checksums are those of records, of the header, and of the size that the header says."""
    content = path.read_bytes()
    changed = bytearray(content)
    changed[-700] ^= 1
    damaged = {"record": bytes(changed), "header": b"\1" + content[1:], "truncated": content[:-1], "empty": b""}
    for kind, wrong in damaged.items():
        name = f"{kind}.safetensors"  # a name stands for one content
        words = []
        for place in (place_at(path.parent), in_bucket):
            place.write(name, wrong)
            with pytest.raises(InputError) as error, ArrayFile(place, name) as file:
                read_records(file)
            words.append(str(error.value).replace(str(place), "PLACE"))
        assert words[0] == words[1]
        assert words[0].startswith(f"PLACE/{name} is damaged")


def test_a_missing_object_is_refused(in_bucket: Place) -> None:
    """Before it is opened, and while it is open."""
    with pytest.raises(InputError, match=r"1\.safetensors is damaged: it is missing"):
        ArrayFile(in_bucket, "1.safetensors")
    with ArrayFile(in_bucket, NAME) as file:
        in_bucket.delete([NAME])
        with pytest.raises(InputError, match=r"0\.safetensors is damaged: it is missing"):
            read_records(file)
