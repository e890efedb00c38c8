"""The guide *label, train, pre-label, correct*: each step with the parameters it prints and the files of the tools."""

import json
import shlex
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
import zarr
from click.testing import CliRunner

from hypercolumns import AnnotationSet, Parameters, Workspace, steps
from hypercolumns.annotations import masks, readers
from hypercolumns.cli.results import main as results_command
from hypercolumns.features.region_source import WarpedRegionSource
from hypercolumns.parameters import DatasetParameters
from hypercolumns.puppets import generate
from hypercolumns.results.polygons import polygons
from hypercolumns.workspace import SPLITS
from tests import labelling_tools as tools
from tests.documents import ROOT, code_blocks
from tests.labelling_tools import Labelled

FEW, MANY = 6, 8
SIZES = {
    "proposals": {"max_per_image": 100},
    "backbone": {"layers": ["stage2", "stage4"], "input_size": 64},
    "detection": {"short_side": 128, "layers": ["stage4"], "max_per_image": 3, "training_regions": 1000},
    "rescoring": {"boxes_per_image": 8, "input_size": 64, "background_per_image": 8},
    "regions": {"minimum_area": 30},
    "train": {"grid": 2, "heat_map": 20},
    "compute": {"workers": 1, "device": "cpu"},
}
LABELS = ["person", "horse", "car"]
GUIDE = (ROOT / "docs/labelling.md").read_text()
TRAINED_ON_FEW, TRAINED_ON_ALL = (yaml.safe_load(block) for block in code_blocks("docs/labelling.md", "yaml"))


@dataclass
class Round:
    """What happened in the folder of the pipeline, for the tests to look at."""

    folder: Path
    project: dict[str, list[Labelled]] = field(default_factory=dict)
    """What is in CVAT at the end."""
    computed: list[int] = field(default_factory=list)
    """Regions that passed the network in each run."""
    digests: list[dict[str, list[bytes]]] = field(default_factory=list)
    """What the blocks of every region were computed from, by split, for each run."""


def labelled_by_hand(annotations: AnnotationSet) -> dict[str, list[Labelled]]:
    """The instances of drawn scenes as polygons."""
    names = {category.id: category.name for category in annotations.categories}
    return {
        image.file_name: [
            Labelled(
                names[item.category_id],
                tuple(tuple(p.round(2).ravel().tolist()) for p in polygons(item.segmentation, 0.5)),
            )
            for item in annotations.instances_by_image[image.id]
        ]
        for image in annotations.images
    }


def run(settings: dict[str, Any], found: Round, counted: Callable[[], int]) -> None:
    """Run the stages up to the predictions."""
    parameters, workspace = Parameters.model_validate(settings | SIZES), Workspace()
    steps.check_pipeline(parameters, workspace)
    steps.prepare_annotations(parameters, workspace)
    steps.propose_regions(parameters, workspace)
    steps.train_detector(parameters, workspace)
    steps.train_rescorer(parameters, workspace)
    steps.detect_objects(parameters, workspace)
    before = counted()
    stores = {split: steps.extract_features(parameters, workspace, split) for split in SPLITS}
    found.computed.append(counted() - before)
    found.digests.append({split: digests(store.path) for split, store in stores.items()})
    steps.train_task(parameters, workspace, "segmentation")
    steps.predict_task(parameters, workspace, "segmentation")


def digests(store: Path) -> list[bytes]:
    """The digest of every region of a store."""
    return [row.tobytes() for row in zarr.open_group(store, mode="r")["regions/digest"][:]]


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch):
    """Count the regions that pass the network."""
    total = 0
    compute = WarpedRegionSource.compute

    def count(self: object, rows: np.ndarray, *rest: Any) -> Any:
        nonlocal total
        for batch in compute(self, rows, *rest):
            total += len(next(iter(batch.values())))
            yield batch

    with monkeypatch.context() as context:
        context.setattr(WarpedRegionSource, "compute", count)
        yield lambda: total


def moved(item: Labelled, by: float) -> Labelled:
    """An object farther to the right."""
    shift = [tuple(v + by * (i % 2 == 0) for i, v in enumerate(polygon)) for polygon in item.polygons]
    return replace(item, polygons=tuple(shift))


def corrected(task: dict[str, list[Labelled]]) -> dict[str, list[Labelled]]:
    """Keep one object of each photograph, move those of the first, and draw one where nothing was found."""
    result = {name: objects[:1] for name, objects in task.items()}
    first = next(name for name, objects in result.items() if objects)
    result[first] = [moved(item, 2) for item in result[first]]
    drawn = Labelled("car", ((20.0, 30.0, 70.5, 32.0, 65.0, 75.0, 22.0, 70.0),))
    return {name: objects or [drawn] for name, objects in result.items()}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Round:
    """The whole guide, and a last run after the correction of one more object."""
    folder = tmp_path_factory.mktemp("labelling")
    drawing = DatasetParameters.model_validate(
        {"puppets": {"train_images": FEW, "val_images": MANY, "width": 160, "height": 128}}
    )
    for name in ("photographs", "new"):
        (folder / "my" / name).mkdir(parents=True)
    few = labelled_by_hand(generate(drawing, "train", 0, folder / "my/photographs"))
    generate(drawing, "val", 0, folder / "my/new")
    found = Round(folder)
    with pytest.MonkeyPatch.context() as monkeypatch, counting(monkeypatch) as counted:
        monkeypatch.chdir(folder)
        # 1. Label a few, 2. train
        tools.cvat_coco(few, Path("my/photographs"), LABELS, Path("my/labelled"))
        run(TRAINED_ON_FEW, found, counted)
        # 3. Pre-label. Exchange here for `hypercolumns segment`, as in the guide.
        command = next(line for line in GUIDE.splitlines() if line.startswith("hypercolumns results"))
        arguments = shlex.split(command)[2:]
        arguments[arguments.index("--score") + 1] = "0.05"  # six small photographs make no detector
        done = CliRunner().invoke(results_command, arguments)
        assert done.exit_code == 0, done.output
        # The same from Python, with the photographs
        _, lines = code_blocks("docs/labelling.md")
        exec(lines.replace("minimum_score=0.5", "minimum_score=0.05"), {})  # noqa: S102
        # 4. Correct: delete, move and add an object
        new = tools.read_into_cvat(Path("prelabels.json"), sorted(Path("my/new").iterdir()), LABELS)
        found.project = few | corrected(new)
        # 5. Train on all
        for path in sorted(Path("my/new").iterdir()):
            path.rename(Path("my/photographs") / path.name)
        tools.cvat_coco(found.project, Path("my/photographs"), LABELS, Path("my/corrected"))
        run(TRAINED_ON_ALL, found, counted)
        # Once more, after one object was moved
        name = next(name for name, objects in few.items() if objects)
        first, *others = found.project[name]
        again = found.project | {name: [moved(first, 3), *others]}
        tools.cvat_coco(again, Path("my/photographs"), LABELS, Path("my/corrected_again"))
        settings = TRAINED_ON_ALL | {
            "dataset": TRAINED_ON_ALL["dataset"] | {"train": "corrected_again/annotations/instances_default.json"}
        }
        run(settings, found, counted)
    return found


pytestmark = pytest.mark.slow


def instances(annotations: list[AnnotationSet], stem: Callable[[str], str]) -> dict[str, list[tuple[str, masks.RLE]]]:
    """Category and mask of every instance, by the original name of its photograph without suffix."""
    return {
        stem(Path(image.file_name).name): [
            (part.category_by_id[item.category_id].name, item.segmentation)
            for item in part.instances_by_image[image.id]
        ]
        for part in annotations
        for image in part.images
    }


def test_what_people_corrected_is_what_is_trained_on(done: Round) -> None:
    sets = [AnnotationSet.load(done.folder / f"data/annotations/{split}.json") for split in SPLITS]
    found = instances(sets, lambda name: Path(name).stem)
    assert len(found) == FEW + MANY
    changed = 0
    for name, objects in done.project.items():
        expected = [(item.label, item.mask((160, 128))) for item in objects]
        assert [label for label, _ in found[Path(name).stem]] == [label for label, _ in expected]
        changed += found[Path(name).stem] != expected
    assert changed == 1, "the object that was moved for the last run"


def test_prelabels_hold_what_was_found(done: Round) -> None:
    content = json.loads((done.folder / "prelabels.json").read_text())
    assert len(content["images"]) == MANY
    assert content["annotations"]
    assert {c["name"] for c in content["categories"]} == set(LABELS)
    same = json.loads((done.folder / "prelabels/annotations/instances_default.json").read_text())
    assert [a | {"segmentation": 0} for a in same["annotations"]] == [
        a | {"segmentation": 0} for a in content["annotations"]
    ]
    copied = {path.name: path.read_bytes() for path in (done.folder / "prelabels/images/default").iterdir()}
    assert copied == {name: (done.folder / "my/photographs" / name).read_bytes() for name in copied}
    assert len(copied) == MANY


def test_only_what_is_new_passes_the_network(done: Round) -> None:
    """A region is new if the last store of its split has none of the same photograph, box and network."""
    known: dict[str, list[bytes]] = {split: [] for split in SPLITS}
    for computed, current in zip(done.computed, done.digests, strict=True):
        assert computed == sum(region not in known[split] for split in SPLITS for region in current[split])
        known = current
    few, everything, again = (sum(map(len, current.values())) for current in done.digests)
    assert done.computed[0] == few
    assert done.computed[1] < everything
    assert 0 < done.computed[2] < again / 2, "one object was moved, and the detector learned from it"


TOOLS: dict[str, tuple[Callable[..., None], dict[str, Any], Callable[[str], str]]] = {
    "label_studio": (
        tools.label_studio,
        {"format": "coco", "train": "result.json", "images": ".", "val_share": 0.2},
        lambda name: Path(name.removeprefix("0a1b2c3d-")).stem,
    ),
    "roboflow": (
        tools.roboflow,
        {"format": "coco", "train": "train/_annotations.coco.json", "images": "train"}
        | {"val": "valid/_annotations.coco.json", "val_images": "valid"},
        lambda name: name.partition("_jpg.rf.")[0],
    ),
    "cvat_masks": (tools.cvat_masks, {"format": "voc", "train": "default", "val_share": 0.2}, lambda n: Path(n).stem),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_the_exports_of_other_tools_give_the_same_objects(done: Round, tool: str, tmp_path: Path) -> None:
    """In masks, objects that others hide lose pixels."""
    write, settings, stem = TOOLS[tool]
    write(done.project, done.folder / "my/photographs", LABELS, tmp_path / "export")
    parameters = DatasetParameters(root=str(tmp_path / "export"), **settings)
    found = instances(list(readers.read_splits(parameters, ("segmentation",)).values()), stem)
    assert found.keys() == {Path(name).stem for name in done.project}
    for name, objects in done.project.items():
        codes = [item.mask((160, 128)) for item in objects]
        if tool == "cvat_masks":
            pixels = [masks.decode(code) for code in codes]
            visible = [mask & ~np.any([np.zeros_like(mask), *pixels[i + 1 :]], axis=0) for i, mask in enumerate(pixels)]
            codes = [masks.encode(mask) for mask in visible]
        expected = [(item.label, code) for item, code in zip(objects, codes, strict=True) if masks.area(code)]
        assert found[Path(name).stem] == expected


def test_the_parameters_of_the_other_tools_are_those_of_the_guide() -> None:
    for _, settings, _ in TOOLS.values():
        for key in ("train", "images", "val", "val_images"):
            assert key not in settings or f"`{key}: {settings[key]}`" in GUIDE
