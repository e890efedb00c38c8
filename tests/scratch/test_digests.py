"""Digests depend on everything that matters and on nothing else."""

from pathlib import Path

import pytest

from hypercolumns.scratch.digests import code_digest, digest, key_digest


def test_the_order_of_a_key_does_not_matter_but_the_order_of_its_lists_does() -> None:
    first = key_digest({"backbone": "a", "layers": ["x", "y"]})
    assert key_digest({"layers": ["x", "y"], "backbone": "a"}) == first
    assert key_digest({"layers": ["y", "x"], "backbone": "a"}) != first


def test_paths_and_their_strings_are_equal_in_a_key() -> None:
    assert key_digest({"root": Path("a/b")}) == key_digest({"root": "a/b"})


def test_equal_folders_in_different_places_have_equal_digests(tmp_path: Path) -> None:
    for place in ("one", "two"):
        (tmp_path / place / "below").mkdir(parents=True)
        (tmp_path / place / "below/a").write_text("1")
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


@pytest.mark.parametrize("change", ["content", "name", "additional file", "moved content"])
def test_the_digest_of_a_folder_changes_with_contents_and_names(tmp_path: Path, change: str) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    before = digest(tmp_path)
    if change == "content":
        (tmp_path / "a").write_text("3")
    elif change == "name":
        (tmp_path / "a").rename(tmp_path / "c")
    elif change == "additional file":
        (tmp_path / "c").write_text("")
    else:
        (tmp_path / "a").write_text("12")
        (tmp_path / "b").write_text("")
    assert digest(tmp_path) != before


def test_the_digest_of_the_code_changes_with_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "package/scratch"
    package.mkdir(parents=True)
    module = package / "digests.py"
    module.write_text("a = 1")
    found = []
    monkeypatch.setattr("hypercolumns.scratch.digests.__file__", str(module))
    for text in ("a = 1", "a = 2", "a = 1"):
        module.write_text(text)
        found.append(code_digest.__wrapped__())
    assert found[0] == found[2] != found[1]
