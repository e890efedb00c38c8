"""An interrupted writer goes on from its last checkpoint, wherever it stopped, and ends with the same bytes."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from hypercolumns.stores.layout import Layout
from hypercolumns.stores.manifest import NAME, Manifest
from hypercolumns.stores.writing import UNFINISHED, StoreWriter

ROWS, STEP = 50, 4
LAYOUTS = {"a": Layout((3,), np.dtype("<i4"), 4, 16), "b": Layout((), np.dtype("<f2"), 4, 16)}
VALUES = {
    name: np.random.default_rng(0).integers(0, 99, (ROWS, *layout.item)).astype(layout.dtype)
    for name, layout in LAYOUTS.items()
}


def write(path: Path, stop: int = ROWS, *, finish: bool = True) -> int:
    """Write from where the store is to before row `stop`, and return where it was."""
    with StoreWriter(path) as writer:
        arrays = {name: writer.array(name, layout) for name, layout in LAYOUTS.items()}
        start = arrays["a"].rows
        assert arrays["b"].rows == start
        for row in range(start, stop, STEP):
            for name, array in arrays.items():
                array.append(VALUES[name][row : min(row + STEP, stop)])
            writer.checkpoint()
        if finish:
            writer.finish("test/1", {})
    return start


def files(path: Path) -> dict[str, bytes]:
    return {f.relative_to(path).as_posix(): f.read_bytes() for f in path.rglob("*") if f.is_file()}


def test_it_goes_on_after_every_checkpoint(tmp_path: Path) -> None:
    write(tmp_path / "whole")
    for stop in range(STEP, ROWS, STEP):
        path = tmp_path / str(stop)
        write(path, stop, finish=False)
        assert write(path) == stop
        assert files(path) == files(tmp_path / "whole")


def test_bytes_after_a_checkpoint_do_not_matter(tmp_path: Path) -> None:
    """A killed run has written any number of bytes of the next chunk."""
    write(tmp_path / "whole")
    write(tmp_path / "killed", 24, finish=False)
    for extra in range(0, 40, 3):
        path = tmp_path / f"extra{extra}"
        shutil.copytree(tmp_path / "killed", path)
        for layout, name in ((layout, name) for name, layout in LAYOUTS.items()):
            with (path / layout.file(name, 1)).open("ab") as stream:
                stream.write(b"x" * extra)
        assert write(path) == 24
        assert files(path) == files(tmp_path / "whole")


def test_any_cut_or_flip_of_unfinished_files_ends_in_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "whole")
    write(tmp_path / "killed", 24, finish=False)
    rng = np.random.default_rng(1)
    for name in (UNFINISHED, NAME, LAYOUTS["a"].file("a", 1)):
        content = (tmp_path / "killed" / name).read_bytes()
        for place in rng.integers(0, len(content), 12).tolist():
            for damaged in (content[:place], content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]):
                path = tmp_path / "again"
                shutil.rmtree(path, ignore_errors=True)
                shutil.copytree(tmp_path / "killed", path)
                (path / name).write_bytes(damaged)
                write(path)
                assert files(path) == files(tmp_path / "whole"), (name, place)


def test_a_run_that_was_killed_between_manifest_and_beginnings_keeps_complete_shards(tmp_path: Path) -> None:
    """The beginnings on disk are then older than the manifest and must not cut what it names."""
    write(tmp_path / "whole")
    path = tmp_path / "killed"
    write(path, 12, finish=False)
    before = (path / UNFINISHED).read_bytes()
    write(path, 16, finish=False)
    (path / UNFINISHED).write_bytes(before)
    assert write(path) == 16
    assert files(path) == files(tmp_path / "whole")


@pytest.mark.parametrize("name", LAYOUTS)
def test_arrays_go_on_at_the_same_row_after_one_has_lost_a_shard(name: str, tmp_path: Path) -> None:
    write(tmp_path / "whole")
    write(tmp_path / "killed", 24, finish=False)
    (tmp_path / "killed" / LAYOUTS[name].file(name, 0)).unlink()
    assert write(tmp_path / "killed") == 0
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


def test_metadata_that_a_killed_run_left_is_no_part_of_the_store(tmp_path: Path) -> None:
    write(tmp_path / "whole")
    write(tmp_path / "killed", 24, finish=False)
    for name in ("zarr.json", "zarr.0123abcd.partial"):
        (tmp_path / "killed" / name).write_text("{")
    write(tmp_path / "killed")
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


def test_a_finished_store_without_metadata_is_written_anew_and_files_linked_with_it_stay(tmp_path: Path) -> None:
    write(tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "published", copy_function=os.link)
    (tmp_path / "whole/zarr.json").unlink()
    before = files(tmp_path / "published")
    assert write(tmp_path / "whole", 8, finish=False) == 0
    assert files(tmp_path / "published") == before
    assert write(tmp_path / "whole") == 8
    assert files(tmp_path / "whole") == before


def test_the_manifest_names_all_files_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "store")
    found = Manifest.read(tmp_path / "store")
    assert set(found.files) == set(files(tmp_path / "store")) - {NAME}
    assert list(found.damaged(tmp_path / "store")) == []
