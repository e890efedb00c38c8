"""Proposing: bytes depend neither on how the work is split nor on what is kept, and errors name causes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from distributed import Client
from PIL import Image as Picture

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.photographs import of_images
from hypercolumns.errors import InputError
from hypercolumns.evaluation.proposals import evaluate
from hypercolumns.parameters import Parameters, ProposalParameters
from hypercolumns.proposals import image_set
from hypercolumns.proposals.generate import propose
from hypercolumns.proposals.kept import CANDIDATES, PROPOSALS
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.scratch.digests import digest
from hypercolumns.steps import propose as step
from hypercolumns.workspace import Workspace
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
    content = {
        "proposals": settings.model_dump(exclude_unset=True),
        "compute": {"workers": 2},
        "evaluate": {"proposals_minimum_area": 100},
    }
    (tmp_path / "params.yaml").write_text(json.dumps(content))
    save(photographs, tmp_path)
    return tmp_path


def save(sets: Mapping[str, AnnotationSet], project: Path) -> None:
    """Make image sets the input of a project."""
    for split, annotations in sets.items():
        annotations.save(project / "data/annotations" / f"{split}.json")


class Stage:
    """Runs the stage with workers that are threads of this process, and lists the photographs that it measures."""

    def __init__(self, client: Client, settings: ProposalParameters, monkeypatch: pytest.MonkeyPatch) -> None:
        self._parameters = Parameters(proposals=settings)
        self._measured: list[str] = []

        @contextmanager
        def connect(*_: object) -> Iterator[Client]:
            yield client

        def read(path: Path, *arguments: object) -> object:
            self._measured.append(path.name)
            return read_photograph(path, *arguments)

        read_photograph = of_images.read_photograph
        monkeypatch.setattr(of_images, "read_photograph", read)
        monkeypatch.setattr(step, "connect", connect)

    def run(self, project: Path, **changes: object) -> list[str]:
        """Propose regions and return the names of the photographs that were read and segmented, in order."""
        self._measured.clear()
        proposals = self._parameters.proposals.model_copy(update=changes)
        step.propose_regions(self._parameters.model_copy(update={"proposals": proposals}), Workspace.at(project))
        return sorted(self._measured, key=lambda name: int(name.split(".")[0]))


@pytest.fixture
def stage(client: Client, settings: ProposalParameters, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage, in this process."""
    return Stage(client, settings, monkeypatch)


@pytest.fixture
def fresh(project: Path, tmp_path_factory: pytest.TempPathFactory, stage: Stage) -> "Fresh":
    """Runs the stage where nothing is kept."""
    return Fresh(project, tmp_path_factory.mktemp("fresh"), stage)


class Fresh:
    """A project with the annotations of another one, in which the stage runs for the first time."""

    def __init__(self, project: Path, folder: Path, stage: Stage) -> None:
        self._project, self._folder, self._stage = project, folder, stage

    def digest(self, **changes: object) -> str:
        """Digest of the proposals of a first run."""
        sets = {split: AnnotationSet.load(self._project / f"data/annotations/{split}.json") for split in SPLITS}
        save(sets, self._folder)
        self._stage.run(self._folder, **changes)
        return digest(self._folder / "data/proposals")


SPLITS = ("train", "val")


def names(*seeds: int) -> list[str]:
    """Names of the photographs with these seeds."""
    return [f"{seed}.png" for seed in seeds]


def kept(project: Path, folder: str) -> list[Path]:
    """Files that are kept of photographs in a folder of the scratch folder."""
    return sorted(file for file in (project / ".scratch" / folder).rglob("*") if file.is_file())


def test_two_processes_write_the_bytes_of_one_thread(
    project: Path, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stage on two spawned workers writes the bytes of one thread, and its metrics are those of easy scenes."""
    expected = fresh.digest()
    monkeypatch.undo()
    monkeypatch.chdir(project)
    result = CliRunner().invoke(main, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert digest(project / "data/proposals") == expected
    for split, count in (("train", 10), ("val", 3)):
        opened = ProposalStore.open(project / f"data/proposals/{split}.zarr")
        annotations = AnnotationSet.load(project / f"data/annotations/{split}.json")
        assert opened.image_ids == tuple(image.id for image in annotations.images)
        assert len(opened) == count
        for image_id in opened.image_ids:
            assert 0 < len(opened[image_id]) <= 60
            assert (np.diff(opened[image_id].scores) <= 0).all()
    metrics = json.loads((project / "metrics/proposals.json").read_text())
    assert metrics["instances"] == 6
    assert metrics["train"]["instances"] == 20
    assert metrics["box_recall_50"] == 1
    assert metrics["mask_abo"] > 0.75
    assert metrics["per_image"] <= 60
    assert {path.name for path in (project / ".scratch").iterdir()} == {"lock", CANDIDATES, PROPOSALS}


def test_each_photograph_is_measured_once(project: Path, stage: Stage) -> None:
    """Neither learning and proposing, nor train and val, measure the same photograph twice."""
    images = AnnotationSet.load(project / "data/annotations/train.json")
    save({"val": images}, project)
    assert stage.run(project) == names(*range(10))


def test_new_photographs_cost_themselves_alone(
    project: Path, photographs: dict[str, AnnotationSet], stage: Stage, fresh: Fresh
) -> None:
    """Only added photographs are measured, wherever they stand, and the bytes are those of a fresh run."""
    train, val = photographs["train"], photographs["val"]
    fewer = replace(train, images=train.images[1:8], instances=tuple(i for i in train.instances if i.image_id < 80))
    fewer = replace(fewer, instances=tuple(i for i in fewer.instances if i.image_id > 3))
    save({"train": fewer}, project)
    stage.run(project)
    save({"train": train}, project)
    assert stage.run(project) == names(0, 8, 9)
    assert digest(project / "data/proposals") == fresh.digest()
    save({"train": fewer}, project)
    assert stage.run(project) == []
    assert len(kept(project, CANDIDATES)) == len(kept(project, PROPOSALS)) == len(fewer.images) + len(val.images)
    assert digest(project / "data/proposals") == fresh.digest()


def test_new_labels_and_other_choices_measure_nothing(
    project: Path, photographs: dict[str, AnnotationSet], stage: Stage, fresh: Fresh
) -> None:
    """Candidates do not depend on labels or on which of them are chosen; the ranking and the proposals do."""
    stage.run(project)
    before = digest(project / "data/proposals")
    train = photographs["train"]
    save({"train": replace(train, instances=train.instances[::2])}, project)
    assert stage.run(project) == []
    assert digest(project / "data/proposals") == fresh.digest() != before
    assert stage.run(project, suppression=0.5, max_per_image=30, learning_images=4) == []
    few = fresh.digest(suppression=0.5, max_per_image=30, learning_images=4)
    assert digest(project / "data/proposals") == few
    assert stage.run(project, minimum_area=60) == names(*range(10), 20, 21, 22)


def test_an_equal_ranking_ranks_nothing_again(
    project: Path, photographs: dict[str, AnnotationSet], stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same train split, proposals are made for new photographs of val alone."""
    val = photographs["val"]
    save({"val": replace(val, images=val.images[:1], instances=val.instances[:2])}, project)
    stage.run(project)
    ranked: list[object] = []
    rank = image_set.rank
    monkeypatch.setattr(image_set, "rank", lambda *arguments: ranked.append(1) or rank(*arguments))
    save({"val": val}, project)
    assert stage.run(project) == names(21, 22)
    assert len(ranked) == 2


@pytest.mark.parametrize("folder", [CANDIDATES, PROPOSALS])
@pytest.mark.parametrize("fault", ["flipped", "truncated", "missing"])
def test_what_is_damaged_below_scratch_is_computed_again(project: Path, stage: Stage, folder: str, fault: str) -> None:
    """Damage to what is kept costs time and changes no byte."""
    stage.run(project)
    expected = digest(project / "data/proposals")
    first, second, *_ = kept(project, folder)
    for file in (first, second):
        content = bytearray(file.read_bytes())
        content[len(content) // 3] ^= 4
        file.write_bytes(content if fault == "flipped" else content[:-9])
        if fault == "missing":
            file.unlink()
    others = kept(project, PROPOSALS if folder == CANDIDATES else CANDIDATES)
    for file in others:  # so that the damaged ones are needed
        if file.name in (first.name, second.name):
            file.unlink()
    assert len(stage.run(project)) == 2
    assert digest(project / "data/proposals") == expected


def test_a_changed_photograph_is_measured_again(project: Path, stage: Stage, fresh: Fresh) -> None:
    """Photographs are told apart by content: neither name nor time of a file matter."""
    stage.run(project)
    os.utime(project / "images/4.png", (1, 1))
    assert stage.run(project) == []
    Picture.fromarray(draw(77)[0]).save(project / "images/4.png")
    os.utime(project / "images/4.png", (1, 1))
    assert stage.run(project) == names(4)
    assert digest(project / "data/proposals") == fresh.digest()


def test_candidates_are_kept_of_a_bounded_number_of_photographs(
    project: Path, stage: Stage, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound, photographs are measured again when they are needed."""
    expected = fresh.digest()
    monkeypatch.setattr(image_set, "KEPT_PER_SPLIT", 2)
    stage.run(project)
    assert len(kept(project, CANDIDATES)) == 4
    assert len(kept(project, PROPOSALS)) == 13
    assert digest(project / "data/proposals") == expected


def test_a_failing_publication_loses_nothing(
    project: Path, photographs: dict[str, AnnotationSet], stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old proposals and metrics stay, and the next run only publishes."""
    stage.run(project)
    expected, metrics = digest(project / "data/proposals"), (project / "metrics/proposals.json").read_text()
    train = photographs["train"]
    save({"train": replace(train, instances=train.instances[:8])}, project)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(step, "publish", full)
        with pytest.raises(OSError, match="No space left"):
            stage.run(project)
    assert digest(project / "data/proposals") == expected
    assert (project / "metrics/proposals.json").read_text() == metrics
    patched: list[object] = []
    monkeypatch.setattr(image_set, "rank", lambda *arguments: patched.append(arguments))
    assert stage.run(project) == []
    assert not patched
    assert digest(project / "data/proposals") != expected


def is_running(group: int) -> bool:
    """Whether a process of a group still runs: workers may outlive a killed client for a moment."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, member_of, *_ = status.read_text().rpartition(")")[2].split()
            if int(member_of) == group and state not in "ZX":
                return True
    return False


@pytest.mark.parametrize("entries", [1, 9, 16])
def test_a_killed_run_resumes(project: Path, fresh: Fresh, stage: Stage, entries: int) -> None:
    """After SIGKILL to all its processes, the next run measures only what is not kept and writes the same bytes."""
    expected = fresh.digest()
    command = [sys.executable, "-m", "stages.propose"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    output = (project / "log").open("w")
    with (
        output,
        subprocess.Popen(  # noqa: S603 - the stage
            command, cwd=project, env=environment, stderr=output, start_new_session=True
        ) as run,
    ):
        while run.poll() is None and sum(len(kept(project, f)) for f in (CANDIDATES, PROPOSALS)) < entries:
            time.sleep(0.002)
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
    assert run.returncode in (-signal.SIGKILL, 0), (project / "log").read_text()
    while is_running(run.pid):
        time.sleep(0.002)
    finished = {file.name for file in kept(project, CANDIDATES) if not file.name.endswith(".part")}
    assert len(stage.run(project)) == 13 - len(finished)
    assert digest(project / "data/proposals") == expected
    assert not list((project / ".scratch").rglob("*.part"))
    assert {path.name for path in (project / ".scratch").iterdir()} == {"lock", CANDIDATES, PROPOSALS}


def test_the_ranking_learns_from_boxes_where_no_mask_is_annotated(
    project: Path, photographs: dict[str, AnnotationSet], stage: Stage
) -> None:
    """Learned without masks, the few best proposals of other photographs hold every object."""
    train = photographs["train"]
    boxes_only = replace(train, instances=tuple(replace(i, segmentation=None) for i in train.instances))
    save({"train": boxes_only}, project)
    stage.run(project, max_per_image=12)
    store = ProposalStore.open(project / "data/proposals/val.zarr")
    assert evaluate(photographs["val"], store, 0)["box_recall_70"] == 1


def test_the_stored_ranker_applies_to_other_photographs(
    project: Path, settings: ProposalParameters, stage: Stage
) -> None:
    """The stored ranker gives a photograph outside the set the same proposals as within it."""
    stage.run(project)
    opened = ProposalStore.open(project / "data/proposals/val.zarr")
    alone = propose(draw(21)[0], opened.ranker, settings)
    assert np.array_equal(alone.members, opened[213].members)
    assert np.array_equal(alone.scores, opened[213].scores)


def test_a_missing_photograph_is_named(project: Path, stage: Stage) -> None:
    """The error names the missing file."""
    (project / "images/3.png").unlink()
    with pytest.raises(InputError, match=r"3\.png cannot be read: No such file"):
        stage.run(project)


def test_a_photograph_of_another_size_is_named(project: Path, stage: Stage) -> None:
    """The error of a worker names the photograph and both sizes."""
    Picture.new("RGB", (50, 40)).save(project / "images/4.png")
    with pytest.raises(InputError, match=r"annotation of .*4\.png is 100 x 80 pixels, but its photograph is 50 x 40"):
        stage.run(project)


def test_a_train_split_without_instances_is_refused(
    project: Path, photographs: dict[str, AnnotationSet], stage: Stage
) -> None:
    """Without an instance that trains, the ranking cannot be learned."""
    save({"train": replace(photographs["train"], instances=())}, project)
    with pytest.raises(InputError, match="no instance that is neither crowd nor difficult"):
        stage.run(project)
