"""The proposal store returns what was written, is reproducible to the byte and refuses other folders."""

import re
from pathlib import Path

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from hypercolumns.errors import InputError
from hypercolumns.proposals.ranking import FEATURES, Ranker
from hypercolumns.proposals.store import Proposals, ProposalStore, ProposalWriter
from hypercolumns.scratch.digests import digest
from hypercolumns.stores import layout
from hypercolumns.stores.arrays import DamagedStoreError


def make(rng: np.random.Generator, height: int, width: int, superpixels: int, candidates: int) -> Proposals:
    """Make random proposals of the given sizes."""
    labels = rng.permutation(np.arange(height * width) % superpixels).reshape(height, width).astype(np.int32)
    members = rng.uniform(size=(candidates, superpixels)) < 0.3
    boxes = rng.integers(0, 50, (candidates, 4)).astype(np.float32)
    return Proposals(labels, members, boxes, np.sort(rng.uniform(size=candidates))[::-1].astype(np.float32))


@pytest.fixture
def ranker() -> Ranker:
    """Ranker with random functions of the features."""
    rng = np.random.default_rng(5)
    return Ranker(np.sort(rng.uniform(size=(len(FEATURES), 12))), rng.normal(size=(len(FEATURES), 12)), 0.25)


def write(path: Path, ranker: Ranker) -> dict[int, Proposals]:
    """Write proposals of four images to `path` and return them by image id."""
    rng = np.random.default_rng(0)
    content = {
        7: make(rng, 9, 14, 11, 23),
        2: make(rng, 20, 8, 8, 5),  # bitsets of exactly one byte
        40: make(rng, 5, 5, 1, 1),
        3: make(rng, 30, 31, 100, 64),
    }
    with ProposalWriter.create(path, ranker) as writer:
        for image_id, proposals in content.items():
            writer.add(image_id, proposals)
    return content


@pytest.mark.parametrize("shard", [None, 1 << 10])
def test_what_is_written_is_read_back(
    tmp_path: Path, ranker: Ranker, shard: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrays, order and ranker come back, whether all images share a shard or one image spans several."""
    if shard is not None:
        monkeypatch.setattr(layout, "SHARD_BYTES", shard)
        monkeypatch.setattr(layout, "CHUNK_BYTES", shard // 4)
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
    features = np.random.default_rng(1).uniform(size=(50, len(FEATURES)))
    assert np.array_equal(opened.ranker.score(features), ranker.score(features))


def test_the_same_content_gives_the_same_bytes(tmp_path: Path, ranker: Ranker) -> None:
    """Writing the same proposals twice gives equal files."""
    for name in ("first", "second"):
        write(tmp_path / name, ranker)
    assert digest(tmp_path / "first") == digest(tmp_path / "second")


def test_masks_cover_the_member_superpixels() -> None:
    """A mask covers exactly the pixels of the superpixels of its candidate."""
    proposals = make(np.random.default_rng(2), 12, 10, 9, 6)
    rows = np.array([4, 0])
    expected: list[NDArray[np.bool_]] = [
        np.isin(proposals.superpixels, np.flatnonzero(proposals.members[row])) for row in rows
    ]
    assert np.array_equal(proposals.masks(rows), np.stack(expected))
    assert proposals.masks(slice(0, 0)).shape == (0, 12, 10)


def test_an_empty_image_set_can_be_written_and_read(tmp_path: Path, ranker: Ranker) -> None:
    """A store without images opens and has no image ids."""
    with ProposalWriter.create(tmp_path / "p.zarr", ranker):
        pass
    assert ProposalStore.open(tmp_path / "p.zarr").image_ids == ()


def test_a_missing_store_is_refused(tmp_path: Path) -> None:
    """The error names the path and the step that writes it."""
    with pytest.raises(InputError, match=r"nowhere\.zarr does not exist") as error:
        ProposalStore.open(tmp_path / "nowhere.zarr")
    assert error.value.step == "propose"


def test_a_folder_without_a_store_is_refused(tmp_path: Path) -> None:
    """A folder without a Zarr group is not a proposal store."""
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match="not a proposal store"):
        ProposalStore.open(tmp_path)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    """The error names the schema that was found."""
    zarr.create_group(tmp_path / "other.zarr", attributes={"schema": "hypercolumns-features/1"})
    with pytest.raises(InputError, match="'schema' is 'hypercolumns-features/1'"):
        ProposalStore.open(tmp_path / "other.zarr")


@pytest.mark.parametrize("earlier", [False, True])
def test_an_interrupted_store_does_not_appear(tmp_path: Path, ranker: Ranker, earlier: bool) -> None:
    """What was there before a writer was interrupted stays, and nothing else."""
    path = tmp_path / "p.zarr"
    if earlier:
        write(path, ranker)
    before = digest(tmp_path)

    def interrupted() -> None:
        with ProposalWriter.create(path, ranker) as writer:
            writer.add(1, make(np.random.default_rng(0), 5, 5, 3, 3))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert digest(tmp_path) == before


ARRAYS = (
    *("superpixels", "members", "boxes", "scores", "images/image", "images/height", "images/width"),
    *("images/superpixels", "images/candidates", "ranker/knots", "ranker/values"),
)


@pytest.fixture
def intact(tmp_path: Path, ranker: Ranker, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Store with several shards of several chunks in the larger arrays."""
    monkeypatch.setattr(layout, "SHARD_BYTES", 1 << 9)
    monkeypatch.setattr(layout, "CHUNK_BYTES", 1 << 7)
    write(tmp_path / "p.zarr", ranker)
    return tmp_path / "p.zarr"


def read_everything(path: Path) -> None:
    """Read all that a store holds."""
    opened = ProposalStore.open(path)
    assert opened.ranker is not None
    for image_id in opened.image_ids:
        assert opened[image_id] is not None


def test_the_list_of_arrays_is_complete(intact: Path) -> None:
    """Shards belong to the arrays that the tests of damage go through, and some arrays have several."""
    shards = [file.relative_to(intact).as_posix().split("/c/")[0] for file in intact.glob("**/c/*")]
    assert set(shards) == set(ARRAYS)
    assert shards.count("superpixels") > 2
    assert shards.count("members") > 1
    read_everything(intact)


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize("fault", ["flipped", "truncated", "missing"])
def test_damage_is_named(intact: Path, array: str, fault: str) -> None:
    """Whatever happens to a file, reading ends in one paragraph that names array, shard and the cure."""
    rng = np.random.default_rng(6)
    for file in sorted(path for path in (intact / array / "c").rglob("*") if path.is_file()):
        shard = file.relative_to(intact / array / "c").parts[0]
        content = file.read_bytes()
        for _ in range(1 if fault == "missing" else 8):
            position = int(rng.integers(len(content)))
            damaged = bytearray(content)
            damaged[position] ^= 1 << int(rng.integers(8))
            if fault == "missing":
                file.unlink()
            else:
                file.write_bytes(damaged if fault == "flipped" else content[:position])
            with pytest.raises(DamagedStoreError) as error:
                read_everything(intact)
            assert f"shard {shard} of the array '{array}'" in str(error.value)
            assert f"hypercolumns verify {intact}" in str(error.value)
            assert "\n" not in str(error.value)
        file.write_bytes(content)
    read_everything(intact)


@pytest.mark.parametrize("file", ["zarr.json", "manifest.json"])
def test_a_flipped_bit_in_what_describes_the_store_is_named(intact: Path, file: str) -> None:
    """Metadata and manifest are checked when a store is opened."""
    content = (intact / file).read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(40):
        damaged = bytearray(content)
        damaged[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
        (intact / file).write_bytes(damaged)
        with pytest.raises(DamagedStoreError, match=re.escape(f"{intact} is damaged: {file}: ")):
            read_everything(intact)


def test_reading_one_image_reads_only_its_chunks(intact: Path) -> None:
    """A store is opened without its columns: damage to the chunks of other images does not matter."""
    for file in (intact / "superpixels/c").iterdir():
        if file.name != "0":
            file.write_bytes(bytes(file.stat().st_size))
    opened = ProposalStore.open(intact)
    assert len(opened[7]) == 23
    assert opened.ranker.bias == 0.25
    with pytest.raises(DamagedStoreError):
        opened[3]


def test_an_unknown_image_is_refused(tmp_path: Path, ranker: Ranker) -> None:
    """The error names the image that the store does not contain."""
    write(tmp_path / "p.zarr", ranker)
    with pytest.raises(InputError, match=r"has no proposals for image 8: .* \(4 images\)"):
        ProposalStore.open(tmp_path / "p.zarr")[8]
