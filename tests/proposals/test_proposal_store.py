"""The store: what goes in comes out, bytes are repeatable, wrong folders are refused."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from hypercolumns.errors import InputError
from hypercolumns.proposals import store
from hypercolumns.proposals.ranking import Ranker
from hypercolumns.proposals.store import Proposals, ProposalStore, ProposalWriter


def make(rng: np.random.Generator, height: int, width: int, superpixels: int, candidates: int) -> Proposals:
    """Proposals of any content."""
    labels = rng.permutation(np.arange(height * width) % superpixels).reshape(height, width).astype(np.int32)
    members = rng.uniform(size=(candidates, superpixels)) < 0.3
    boxes = rng.integers(0, 50, (candidates, 4)).astype(np.float32)
    return Proposals(labels, members, boxes, np.sort(rng.uniform(size=candidates))[::-1].astype(np.float32))


@pytest.fixture
def ranker() -> Ranker:
    rng = np.random.default_rng(5)
    return Ranker(np.sort(rng.uniform(size=(4, 12))), rng.normal(size=(4, 12)), 0.25)


def write(path: Path, ranker: Ranker) -> dict[int, Proposals]:
    rng = np.random.default_rng(0)
    content = {
        7: make(rng, 9, 14, 11, 23),
        2: make(rng, 20, 8, 8, 5),  # bitsets of exactly one byte
        40: make(rng, 5, 5, 1, 1),
        3: make(rng, 30, 31, 100, 64),
    }
    with ProposalWriter(path, ranker) as writer:
        for image_id, proposals in content.items():
            writer.add(image_id, proposals)
    return content


def digest(path: Path) -> dict[str, str]:
    files = sorted(p for p in path.rglob("*") if p.is_file())
    return {str(p.relative_to(path)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.mark.parametrize("shard", [None, 1 << 10])
def test_round_trip(tmp_path: Path, ranker: Ranker, shard: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every array comes back, whether all images share a shard or an image spans several."""
    if shard is not None:
        monkeypatch.setattr(store, "_SHARD", shard)
        monkeypatch.setattr(store, "_CHUNK", shard // 4)
    content = write(tmp_path / "p.zarr", ranker)
    opened = ProposalStore.open(tmp_path / "p.zarr")
    assert opened.image_ids == (7, 2, 40, 3)
    assert len(opened) == 4
    assert 40 in opened
    assert 41 not in opened
    for image_id in (3, 7, 40, 2):
        read, expected = opened[image_id], content[image_id]
        for name in ("superpixels", "members", "boxes", "scores"):
            assert np.array_equal(getattr(read, name), getattr(expected, name))
            assert getattr(read, name).dtype == getattr(expected, name).dtype
    features = np.random.default_rng(1).uniform(size=(50, 4))
    assert np.array_equal(opened.ranker.score(features), ranker.score(features))


def test_the_same_content_gives_the_same_bytes(tmp_path: Path, ranker: Ranker) -> None:
    for name in ("first", "second"):
        write(tmp_path / name, ranker)
    assert digest(tmp_path / "first") == digest(tmp_path / "second")


def test_masks_are_the_members_expanded() -> None:
    proposals = make(np.random.default_rng(2), 12, 10, 9, 6)
    rows = np.array([4, 0])
    expected: list[NDArray[np.bool_]] = [
        np.isin(proposals.superpixels, np.flatnonzero(proposals.members[row])) for row in rows
    ]
    assert np.array_equal(proposals.masks(rows), np.stack(expected))
    assert proposals.masks(slice(0, 0)).shape == (0, 12, 10)


def test_an_empty_image_set_can_be_written_and_read(tmp_path: Path, ranker: Ranker) -> None:
    with ProposalWriter(tmp_path / "p.zarr", ranker):
        pass
    assert ProposalStore.open(tmp_path / "p.zarr").image_ids == ()


def test_a_missing_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.zarr does not exist") as error:
        ProposalStore.open(tmp_path / "nowhere.zarr")
    assert error.value.step == "propose"


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match="not a proposal store"):
        ProposalStore.open(tmp_path)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "other.zarr", attributes={"schema": "hypercolumns-features/1"})
    with pytest.raises(InputError, match="'schema' is 'hypercolumns-features/1'"):
        ProposalStore.open(tmp_path / "other.zarr")


def test_an_interrupted_writer_leaves_nothing_that_opens(tmp_path: Path, ranker: Ranker) -> None:
    def interrupted() -> None:
        with ProposalWriter(tmp_path / "p.zarr", ranker) as writer:
            writer.add(1, make(np.random.default_rng(0), 5, 5, 3, 3))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(InputError, match="'schema' is None"):
        ProposalStore.open(tmp_path / "p.zarr")


def test_an_image_of_other_annotations_is_named(tmp_path: Path, ranker: Ranker) -> None:
    write(tmp_path / "p.zarr", ranker)
    with pytest.raises(InputError, match="no proposals for image 8"):
        ProposalStore.open(tmp_path / "p.zarr")[8]
