"""Work folders belong to a key, and results appear complete or not at all."""

from pathlib import Path

import pytest

from hypercolumns import scratch


def test_equal_keys_share_a_folder_and_other_keys_do_not(tmp_path: Path) -> None:
    first = scratch.work_folder({"backbone": "a", "layers": ["x", "y"]}, tmp_path)
    assert scratch.work_folder({"layers": ["x", "y"], "backbone": "a"}, tmp_path) == first
    assert scratch.work_folder({"backbone": "a", "layers": ["y", "x"]}, tmp_path) != first


@pytest.mark.parametrize("change", ["content", "name", "additional file"])
def test_the_digest_of_a_folder_changes_with_contents_and_names(tmp_path: Path, change: str) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    before = scratch.digest(tmp_path)
    if change == "content":
        (tmp_path / "a").write_text("3")
    elif change == "name":
        (tmp_path / "a").rename(tmp_path / "c")
    else:
        (tmp_path / "c").write_text("")
    assert scratch.digest(tmp_path) != before


def test_publishing_replaces_a_folder(tmp_path: Path) -> None:
    out, work = tmp_path / "data/out", tmp_path / "work"
    out.mkdir(parents=True)
    (out / "stale").write_text("old")
    work.mkdir()
    (work / "fresh").write_text("new")
    scratch.publish(work, out)
    assert [p.name for p in out.iterdir()] == ["fresh"]
    assert not work.exists()


def test_an_interrupted_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"old")

    def write_and_fail() -> None:
        with scratch.atomic_write(path) as stream:
            stream.write(b"half of the new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_fail()
    assert path.read_bytes() == b"old"
    with scratch.atomic_write(path) as stream:
        stream.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
