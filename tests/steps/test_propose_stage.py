"""Proposing for image sets: bytes do not depend on how the work is split, and errors name the cause."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from distributed import Client
from PIL import Image as Picture

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.errors import InputError
from hypercolumns.evaluation.proposals import evaluate
from hypercolumns.parameters import ProposalParameters
from hypercolumns.proposals.generate import propose
from hypercolumns.proposals.image_set import learn, write
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.scratch.digests import digest
from stages.propose import main
from tests.proposals.scenes_for_proposals import annotate, draw


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Client of one worker, a thread of this process."""
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        yield client


@pytest.fixture(scope="module")
def settings() -> ProposalParameters:
    """Settings that suit small photographs."""
    return ProposalParameters(superpixel_scale=20.0, superpixel_minimum=15, minimum_area=40, max_per_image=60)


@pytest.fixture
def photographs(tmp_path: Path) -> dict[str, AnnotationSet]:
    """Ten photographs for train, so that its second batch is incomplete, and three for val."""
    (tmp_path / "images").mkdir()
    return {
        "train": annotate(tmp_path / "images", range(10)),
        "val": annotate(tmp_path / "images", range(20, 23)),
    }


@pytest.fixture
def project(tmp_path: Path, photographs: dict[str, AnnotationSet], settings: ProposalParameters) -> Path:
    """Folder of a project that is ready for `propose`."""
    for split, annotations in photographs.items():
        annotations.save(tmp_path / "data/annotations" / f"{split}.json")
    content = {
        "proposals": settings.model_dump(exclude_unset=True),
        "compute": {"workers": 2},
        "evaluate": {"proposals_minimum_area": 100},
    }
    (tmp_path / "params.yaml").write_text(json.dumps(content))
    return tmp_path


def test_two_processes_write_the_bytes_of_one_thread(
    project: Path,
    photographs: dict[str, AnnotationSet],
    settings: ProposalParameters,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The stage on two spawned workers writes the bytes of one thread, and its metrics are those of easy scenes."""
    monkeypatch.chdir(project)
    result = CliRunner().invoke(main, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    work = project / "single_thread"
    work.mkdir()
    ranker = learn(client, photographs["train"], settings, 0, work)
    for split, annotations in photographs.items():
        written = write(client, annotations, ranker, settings, split, work)
        assert digest(written) == digest(project / f"data/proposals/{split}.zarr")
        opened = ProposalStore.open(written)
        assert opened.image_ids == tuple(image.id for image in annotations.images)
        for image_id in opened.image_ids:
            assert 0 < len(opened[image_id]) <= 60
            assert (np.diff(opened[image_id].scores) <= 0).all()
    metrics = json.loads((project / "metrics/proposals.json").read_text())
    assert metrics["instances"] == 6
    assert metrics["train"]["instances"] == 20
    assert metrics["box_recall_50"] == 1
    assert metrics["mask_abo"] > 0.75
    assert metrics["per_image"] <= 60
    assert not list((project / ".scratch").iterdir())


def test_the_ranking_learns_from_boxes_where_no_mask_is_annotated(
    photographs: dict[str, AnnotationSet], settings: ProposalParameters, client: Client, tmp_path: Path
) -> None:
    """Learned without masks, the few best proposals of other photographs hold every object."""
    few = settings.model_copy(update={"max_per_image": 12})
    train = photographs["train"]
    boxes_only = replace(train, instances=tuple(replace(i, segmentation=None) for i in train.instances))
    ranker = learn(client, boxes_only, few, 0, tmp_path)
    store = ProposalStore.open(write(client, photographs["val"], ranker, few, "val", tmp_path))
    assert evaluate(photographs["val"], store, 0)["box_recall_70"] == 1


def test_finished_batches_are_reused(
    tmp_path: Path, photographs: dict[str, AnnotationSet], settings: ProposalParameters, client: Client
) -> None:
    """After an interruption only missing batches are computed, and the store has the same bytes."""
    ranker = learn(client, photographs["train"], settings, 0, tmp_path)
    expected = digest(write(client, photographs["train"], ranker, settings, "train", tmp_path))
    (tmp_path / "train-00001.npz").unlink()
    for seed in range(8):  # the first batch is finished, so its photographs are not read
        (tmp_path / "images" / f"{seed}.png").unlink()
    assert digest(write(client, photographs["train"], ranker, settings, "train", tmp_path)) == expected


def test_the_stored_ranker_applies_to_other_photographs(
    tmp_path: Path, photographs: dict[str, AnnotationSet], settings: ProposalParameters, client: Client
) -> None:
    """The stored ranker gives a photograph outside the set the same proposals as within it."""
    ranker = learn(client, photographs["train"], settings, 0, tmp_path)
    opened = ProposalStore.open(write(client, photographs["val"], ranker, settings, "val", tmp_path))
    alone = propose(draw(21)[0], opened.ranker, settings)
    assert np.array_equal(alone.members, opened[213].members)
    assert np.array_equal(alone.scores, opened[213].scores)


def test_a_missing_photograph_is_named(
    tmp_path: Path, photographs: dict[str, AnnotationSet], settings: ProposalParameters, client: Client
) -> None:
    """The error of a worker names the missing file."""
    (tmp_path / "images/3.png").unlink()
    with pytest.raises(InputError, match=r"3\.png does not exist"):
        learn(client, photographs["train"], settings, 0, tmp_path)


def test_a_photograph_of_another_size_is_named(
    tmp_path: Path, photographs: dict[str, AnnotationSet], settings: ProposalParameters, client: Client
) -> None:
    """The error names the photograph and both sizes."""
    Picture.new("RGB", (50, 40)).save(tmp_path / "images/4.png")
    with pytest.raises(InputError, match=r"annotation of .*4\.png is 100 x 80 pixels, but its photograph is 50 x 40"):
        learn(client, photographs["train"], settings, 0, tmp_path)


def test_a_train_split_without_instances_is_refused(
    tmp_path: Path, photographs: dict[str, AnnotationSet], settings: ProposalParameters, client: Client
) -> None:
    """Without an instance that trains, the ranking cannot be learned."""
    train = photographs["train"]
    empty = AnnotationSet(train.images, train.categories, (), train.image_root)
    with pytest.raises(InputError, match="no instance that is neither crowd nor difficult"):
        learn(client, empty, settings, 0, tmp_path)
