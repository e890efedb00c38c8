"""Baselines are replaced as a whole, or not at all."""

from pathlib import Path

import pytest

from hypercolumns.steps.baselines import _replacing


def test_an_error_leaves_the_old_files_and_success_removes_them(tmp_path: Path) -> None:
    folder, scratch = tmp_path / "predictions/parts_baselines", tmp_path / ".scratch"
    folder.mkdir(parents=True)
    (folder / "k1.json").write_text("old")

    def write(text: str) -> None:
        with _replacing(folder, scratch) as new:
            (new / "top_layer.json").write_text(text)
            if text == "bad":
                raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write("bad")
    assert {file.name: file.read_text() for file in folder.iterdir()} == {"k1.json": "old"}
    write("good")
    assert {file.name: file.read_text() for file in folder.iterdir()} == {"top_layer.json": "good"}
    assert list(scratch.iterdir()) == []
