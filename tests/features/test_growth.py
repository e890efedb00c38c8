"""Only regions that are new are computed, wherever their rows are, and the bytes are those of a run from scratch."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hypercolumns import FeatureStore
from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.backbones import Backbone
from hypercolumns.features import extraction, schema, streams
from hypercolumns.features.photograph_source import PhotographSource
from hypercolumns.features.region_source import WarpedRegionSource
from hypercolumns.stores.manifest import FileRecord
from tests.damages import DAMAGES, flip
from tests.features import extraction_case as case
from tests.features.test_extraction import contents


@dataclass
class Project:
    """Extracts tables of regions to one place, and counts the regions that are computed."""

    folder: Path
    annotations: AnnotationSet
    backbone: Backbone
    mode: str
    monkeypatch: pytest.MonkeyPatch

    def extract(self, regions: pd.DataFrame, scratch: str = "scratch", limit: int | None = None, **options: Any) -> int:
        """Extract `regions`, and return the number of those that were computed; interrupt after `limit`."""
        computed = 0

        def counting(compute: Callable) -> Callable:
            def count(self: object, rows: np.ndarray, *rest: Any) -> Any:
                nonlocal computed
                for batch in compute(self, rows, *rest):
                    if limit is not None and computed >= limit:
                        raise KeyboardInterrupt
                    computed += len(next(iter(batch.values())))
                    yield batch

            return count

        with self.monkeypatch.context() as context:
            for source in (WarpedRegionSource, PhotographSource):
                context.setattr(source, "compute", counting(source.compute))
            try:
                extraction.extract(
                    regions,
                    self.annotations,
                    self.backbone,
                    self.out,
                    scratch=self.folder / scratch,
                    expansion=1.5,
                    short_side=case.SHORT_SIDES[self.mode],
                    compute=case.CPU,
                    **options,
                )
            except KeyboardInterrupt:
                assert limit is not None
        return computed

    @property
    def out(self) -> Path:
        return self.folder / "features.zarr"

    def equals_a_fresh_run(self, regions: pd.DataFrame) -> bool:
        """Whether the store has the bytes of a run with an empty scratch folder."""
        found = contents(self.out)
        shutil.rmtree(self.out)
        assert self.extract(regions, "fresh scratch") == len(regions)
        return contents(self.out) == found


@pytest.fixture(params=list(case.SHORT_SIDES))
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(streams, "MAX_STREAMS", {"cpu": 1})
    annotations = case.write_photographs(tmp_path)
    return Project(tmp_path, annotations, case.make_backbone(), str(request.param), monkeypatch)


def grown(regions: pd.DataFrame) -> pd.DataFrame:
    """Another image's regions, in both categories, before, between and after those of the others."""
    more = case.make_regions(20).assign(image=6)
    order = np.argsort(pd.concat([regions["category"], more["category"]]), kind="stable")
    shuffled = pd.concat([regions, more]).iloc[order]
    # Within a category, rows in another order than before.
    mixed = shuffled.groupby("category", group_keys=False)[shuffled.columns.tolist()]
    return mixed.apply(lambda rows: rows.sample(frac=1, random_state=1)).reset_index(drop=True)


def with_another_photograph(project: Project) -> None:
    shutil.copyfile(project.folder / "2.png", project.folder / "6.png")
    content = bytearray((project.folder / "6.png").read_bytes())
    (project.folder / "6.png").write_bytes(content + b" ")  # equal pixels, but another file
    images = (*project.annotations.images, Image(6, "6.png", case.WIDTH, case.HEIGHT))
    project.annotations = replace(project.annotations, images=images)


def test_another_photograph_costs_its_own_regions(project: Project) -> None:
    first, n = case.make_regions(), len(case.make_regions())
    assert project.extract(first) == n
    with_another_photograph(project)
    second = grown(first)
    assert project.extract(second) == 20
    assert project.equals_a_fresh_run(second)


def test_fewer_regions_in_another_order_with_other_labels_cost_nothing(project: Project) -> None:
    """Category, instance, kind and scores do not matter to the network."""
    project.extract(case.make_regions())
    chosen = case.make_regions().iloc[::-2].assign(instance=-1, kind="proposal", iou=0.5, score=0.1)
    chosen["category"] = 3 - chosen["category"]
    chosen = chosen.sort_values("category", kind="stable").reset_index(drop=True)
    assert project.extract(chosen) == 0
    assert project.equals_a_fresh_run(chosen)


def test_equal_regions_share_their_blocks(project: Project) -> None:
    """As a detection whose box is that of an object; the rows between them stay what they are."""
    regions = case.make_regions(60)
    regions["category"] = 1
    regions.loc[50, ["image", "x0", "y0", "x1", "y1"]] = regions.loc[10, ["image", "x0", "y0", "x1", "y1"]]
    project.extract(regions)
    relabelled = regions.assign(score=0.5)
    assert project.extract(relabelled) == 0
    assert project.equals_a_fresh_run(relabelled)


def test_a_run_that_is_not_continued_leaves_its_blocks_to_the_next(project: Project) -> None:
    """An interrupted run, then another photograph: what was finished is copied."""
    regions = case.make_regions()
    done = project.extract(regions, limit=64)
    assert 64 <= done < len(regions)
    with_another_photograph(project)
    second = grown(regions)
    # The block in flight when the run was interrupted may be lost.
    assert project.extract(second) <= len(second) - 64
    assert project.equals_a_fresh_run(second)


def test_the_same_again_costs_nothing(project: Project) -> None:
    """As after `dvc repro --force`, or when the run was killed before the store was moved to its place."""
    project.extract(case.make_regions())
    before = contents(project.out)
    shutil.rmtree(project.out)
    assert project.extract(case.make_regions()) == 0
    assert contents(project.out) == before


@pytest.mark.parametrize("file", ["blocks/features.3/c/0/0/0/0", "blocks/classifier.3/zarr.json", "manifest.json"])
def test_a_damaged_store_is_not_taken_over(project: Project, file: str) -> None:
    """A flipped bit costs the part that it lies in; the files below scratch are linked with those in their place."""
    regions = case.make_regions()
    project.extract(regions)
    before = contents(project.out)
    content = bytearray((project.out / file).read_bytes())
    content[len(content) // 3] ^= 1
    (project.out / file).write_bytes(content)
    assert project.extract(regions) <= 64
    assert contents(project.out) == before
    assert project.extract(case.make_regions().iloc[:70]) == 0


def test_a_finished_store_that_lost_its_metadata_is_taken_over(project: Project) -> None:
    regions = case.make_regions()
    project.extract(regions)
    before = contents(project.out)
    (metadata,) = (project.folder / "scratch").rglob("store.zarr/zarr.json")
    metadata.unlink()
    assert project.extract(regions) == 0
    assert contents(project.out) == before


@pytest.mark.parametrize("shard_bytes", [1, schema.SHARD_BYTES])
@pytest.mark.parametrize("number", range(8))
def test_a_run_that_is_killed_while_it_finishes_its_store_is_continued(
    project: Project, monkeypatch: pytest.MonkeyPatch, number: int, shard_bytes: int
) -> None:
    """Metadata is there, but the manifest does not name it."""
    monkeypatch.setattr(schema, "SHARD_BYTES", shard_bytes)  # with and without complete shards before the end
    regions = case.make_regions()
    measured = 0

    def interrupt(path: Path) -> FileRecord:
        nonlocal measured
        if path.name == "zarr.json":
            if measured == number:
                raise KeyboardInterrupt
            measured += 1
        return measure(path)

    measure = FileRecord.measure
    with monkeypatch.context() as context:
        context.setattr(FileRecord, "measure", interrupt)
        assert project.extract(regions, limit=len(regions)) == len(regions)
    assert measured == number
    assert not project.out.exists()
    assert project.extract(regions) <= 64  # rows of an incomplete chunk are not kept
    assert project.equals_a_fresh_run(regions)


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_an_interrupted_run_left_damaged_costs_the_part_that_it_lies_in(
    project: Project, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(schema, "SHARD_BYTES", 1)  # a part per shard, so that some are complete
    regions = case.make_regions()
    assert 128 <= project.extract(regions, limit=128) < len(regions)
    (shard,) = (project.folder / "scratch").rglob("blocks/features.3/c/0/0/0/0")
    damage(shard)
    again = project.extract(regions)
    if damage is flip:
        assert again <= len(regions) - 64
    assert project.equals_a_fresh_run(regions)


def test_a_store_elsewhere_can_be_reused(project: Project) -> None:
    """After the scratch folder was deleted."""
    regions = case.make_regions()
    project.extract(regions)
    project.out.rename(project.folder / "elsewhere.zarr")
    assert project.extract(regions, "other scratch", reuse=[project.folder / "elsewhere.zarr"]) == 0
    assert contents(project.out) == contents(project.folder / "elsewhere.zarr")


def test_only_the_last_store_is_kept(project: Project) -> None:
    """The scratch folder does not grow with the number of runs."""
    for n in (70, 90, 110):
        project.extract(case.make_regions(n))
    (generation,) = (project.folder / "scratch/extract/features.zarr").iterdir()
    assert [path.name for path in generation.iterdir()] == ["store.zarr"]
    assert len(FeatureStore.open(generation / "store.zarr")) == 110
