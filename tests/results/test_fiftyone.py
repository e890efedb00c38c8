"""FiftyOne imports the COCO data set of results.

FiftyOne is not installed with this project: it brings a database and some hundred packages. The environment variable
`FIFTYONE_PYTHON` names the interpreter of an environment that has it, with pycocotools: `pip install fiftyone
pycocotools`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hypercolumns.annotations import masks
from tests.documents import code_blocks
from tests.results import result_scenes as scenes

PYTHON = os.environ.get("FIFTYONE_PYTHON", sys.executable)
NO_DATABASE = 3

START = f"""
import json, sys
import fiftyone as fo
from fiftyone.core.config import FiftyOneConfigError
try:
    fo.list_datasets()
except FiftyOneConfigError as error:
    print(error)
    raise SystemExit({NO_DATABASE})
"""
SCRIPT = """
folder, labels, kind = sys.argv[1:]
dataset = fo.Dataset.from_dir(
    dataset_type=fo.types.COCODetectionDataset,
    data_path=f"{folder}/images/default",
    labels_path=f"{folder}/annotations/{labels}",
    label_types=[kind],
    label_field="found",
)
found = {}
for sample in dataset:
    objects = found[sample.filepath] = []
    if sample["found"] is None:
        continue
    if kind == "keypoints":
        objects += [[item.label, item.points] for item in sample["found"].keypoints]
        continue
    for item in sample["found"].detections:
        objects.append([item.label, item.bounding_box, item.mask.astype(int).tolist(), item.confidence])
print("FOUND" + json.dumps(found))
"""


def run(tmp_path: Path, script: str, *arguments: str) -> str:
    """Run a script that prints, in an environment with FiftyOne and a database of its own."""
    probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('fiftyone') is None)"
    if subprocess.run([PYTHON, "-c", probe], check=False).returncode:  # noqa: S603
        pytest.skip("FiftyOne is not installed (pip install fiftyone; FIFTYONE_PYTHON names another interpreter)")
    (tmp_path / "database").mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "FIFTYONE_DATABASE_DIR": str(tmp_path / "database"),
        "FIFTYONE_DO_NOT_TRACK": "true",
        "HOME": str(tmp_path),
    }
    done = subprocess.run(  # noqa: S603
        [PYTHON, "-c", script, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode == NO_DATABASE:
        pytest.skip(f"FiftyOne is installed, but its database does not start: {done.stdout.strip()[-300:]}")
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def imported(tmp_path: Path, labels: str, kind: str) -> dict[str, list[Any]]:
    """What FiftyOne finds in `tmp_path/out`, by the file name of the photograph."""
    printed = run(tmp_path, f"{START}\n{SCRIPT}", str(tmp_path / "out"), labels, kind)
    found = json.loads(printed.partition("FOUND")[2])
    root = tmp_path / "out/images/default"
    return {Path(path).relative_to(root).as_posix(): objects for path, objects in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"tolerance": 0}, {"masks": "rle"}])
def test_fiftyone_imports_masks(tmp_path: Path, options: dict[str, Any]) -> None:
    scenes.convert(scenes.write(tmp_path), "coco-dataset", with_photographs=True, **options)
    found = imported(tmp_path, "instances_default.json", "segmentations")
    assert found.keys() == set(scenes.NAMES)
    names = {scenes.PERSON["id"]: "person", scenes.CAR["id"]: "car & <van>"}
    for number, name in zip(scenes.IDS, scenes.NAMES, strict=True):
        expected = [(names[c], score, mask) for (image, c, score), mask in scenes.MASKS.items() if image == number]
        assert [(label, score) for label, _, _, score in found[name]] == [(label, s) for label, s, _ in expected]
        for (_, box, rows, _), (_, _, mask) in zip(found[name], expected, strict=True):
            x0, y0, x1, y1 = map(int, masks.box(masks.encode(mask)))
            shares = [x0 / scenes.WIDTH, y0 / scenes.HEIGHT, (x1 - x0) / scenes.WIDTH, (y1 - y0) / scenes.HEIGHT]
            np.testing.assert_allclose(box, shares)
            np.testing.assert_array_equal(np.array(rows, dtype=bool), mask[y0:y1, x0:x1])


@pytest.mark.slow
def test_fiftyone_imports_keypoints(tmp_path: Path) -> None:
    scenes.convert(scenes.write(tmp_path, scenes.person_results()), "coco-dataset", with_photographs=True)
    found = imported(tmp_path, "person_keypoints_default.json", "keypoints")
    ((label, points),) = found["garden/b.png"]
    assert label == "person"
    np.testing.assert_allclose(points[0], [12.5 / scenes.WIDTH, 7.25 / scenes.HEIGHT])


@pytest.mark.slow
def test_the_lines_of_the_guide_import_what_was_written(tmp_path: Path) -> None:
    scenes.convert(scenes.write(tmp_path), "coco-dataset", "prelabels", with_photographs=True)
    lines, _ = code_blocks("docs/labelling.md")
    printed = run(tmp_path, f"{START}\n{lines}\nprint('FOUND', dataset.count('ground_truth.detections'), len(dataset))")
    assert printed.partition("FOUND")[2].split() == [str(len(scenes.MASKS)), str(len(scenes.NAMES))]
