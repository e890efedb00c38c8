"""A cache gives back what was put there for the same key and content, or nothing."""

from pathlib import Path

import numpy as np
import pytest

from hypercolumns.places.folder import Folder
from hypercolumns.scratch import cache
from hypercolumns.scratch.cache import ContentCache


def arrays(value: int) -> dict[str, np.ndarray]:
    return {"a": np.full(3, value)}


def entries(folder: Path) -> set[str]:
    return {file.name for file in folder.rglob("*") if file.is_file()}


def test_an_entry_is_found_by_key_and_content_alone(tmp_path: Path) -> None:
    ContentCache(Folder(tmp_path), {"k": 1}).put("one", arrays(7))
    found = ContentCache(Folder(tmp_path), {"k": 1}).get("one")
    assert found is not None
    np.testing.assert_array_equal(found["a"], arrays(7)["a"])
    assert ContentCache(Folder(tmp_path), {"k": 1}).get("two") is None
    assert ContentCache(Folder(tmp_path), {"k": 2}).get("one") is None


def test_an_entry_of_other_code_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ContentCache(Folder(tmp_path), {}).put("one", arrays(7))
    monkeypatch.setattr(cache, "code_digest", lambda: "another")
    assert ContentCache(Folder(tmp_path), {}).get("one") is None


def test_a_damaged_entry_is_not_found_and_can_be_put_again(tmp_path: Path) -> None:
    kept = ContentCache(Folder(tmp_path), {})
    kept.put("one", arrays(7))
    path = Path(kept.address) / "one"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert kept.get("one") is None
    kept.put("one", arrays(8))
    found = kept.get("one")
    assert found is not None
    assert found["a"][0] == 8


def test_only_the_named_entries_of_the_present_key_stay(tmp_path: Path) -> None:
    ContentCache(Folder(tmp_path), {"k": "old"}).put("one", arrays(0))
    first = ContentCache(Folder(tmp_path), {})
    for name in ("one", "two", "three"):
        first.put(name, arrays(1))
    second = ContentCache(Folder(tmp_path), {})
    second.put("four", arrays(2))
    second.keep_only(["two", "four", "missing"])
    assert entries(tmp_path) == {"two", "four"}
    assert [folder.name for folder in tmp_path.iterdir()] == [Path(second.address).name]
