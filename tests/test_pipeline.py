"""The pipeline runs on a few drawn scenes, and the number of workers changes no byte of any output."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
TASKS = ["segmentation", "keypoints", "parts"]
COMMANDS = [
    stage["cmd"].replace("${item.task}", task).split()
    for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    for task in (TASKS if "matrix" in stage else [""])
]
PARAMETERS: dict[str, Any] = {
    "tasks": TASKS,
    "dataset": {"puppets": {"train_images": 8, "val_images": 4, "width": 160, "height": 128}},
    "proposals": {"max_per_image": 150},
    "backbone": {"weights": "random", "layers": ["stage1", "stage4", "pooled"], "input_size": 64},
    "detection": {"short_side": 128, "layers": ["stage4"], "max_per_image": 3, "training_regions": 2000},
    "rescoring": {"boxes_per_image": 8, "input_size": 64, "background_per_image": 8},
    "regions": {"minimum_area": 30},
    "train": {"grid": 2, "heat_map": 20, "pixels_per_region": 20, "epochs": 2},
    "predict": {"superpixels": 1},
    "ablate": {"grid": 2, "grids": [1, 2]},
    "report": {"gallery": 2},
}


def run(folder: Path, workers: int, names: Sequence[str] = ()) -> None:
    """Run the stages `names` in `folder`; all stages if `names` is empty."""
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMETERS | {"compute": {"workers": workers}}))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | threads
    for command in COMMANDS:
        if names and command[3] not in names:
            continue
        done = subprocess.run(  # noqa: S603 - the commands of dvc.yaml
            [sys.executable, *command[1:]], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[-3000:]}"


@pytest.fixture(scope="module")
def one_worker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline") / "one"
    folder.mkdir()
    run(folder, workers=1)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "params.yaml"
    }


def test_outputs_have_the_documented_keys(one_worker: Path) -> None:
    segmentation = json.loads((one_worker / "metrics/segmentation.json").read_text())
    assert {"ap_r_50", "ap_r_70", "ap_r_vol", "ground_truth_boxes", "per_category"} <= set(segmentation)
    assert {"mean_iou", "iou_50", "iou_70"} <= set(segmentation["ground_truth_boxes"])
    ablation = json.loads((one_worker / "metrics/ablation.json").read_text())
    assert {"blocks", "grid", "mean_iou", "iou_70"} <= set(ablation[0])
    assert [row["grid"] for row in ablation] == [1, 2] + 6 * [2]
    proposals = json.loads((one_worker / "metrics/proposals.json").read_text())
    assert {"box_recall_50", "box_recall_70", "mask_abo", "per_image"} <= set(proposals)
    for name in ("annotations/val.json", "predictions/segmentation.json", "features/train.zarr", "features/val.zarr"):
        assert (one_worker / "data" / name).exists()
    keypoints = json.loads((one_worker / "metrics/keypoints.json").read_text())
    assert {"mean_apk", "mean_pck", "per_keypoint", "baseline_top_layer"} <= set(keypoints)
    parts = json.loads((one_worker / "metrics/parts.json").read_text())
    assert {"ap_r_part_50", "mean_part_iou", "pixel_accuracy", "per_category", "baseline_top_layer"} <= set(parts)
    assert "</html>" in (one_worker / "reports/index.html").read_text()


def test_the_scratch_folder_holds_what_later_runs_take_over_and_nothing_unfinished(one_worker: Path) -> None:
    """The data set, the last store of each split, and one file per photograph for candidates, proposals and maps.

    Also the networks of both steps of detection and of the stores, converted for ONNX Runtime.
    """
    scratch = one_worker / ".scratch"
    (networks,) = (scratch / "onnx").iterdir()
    assert len(list(networks.iterdir())) == 3
    by_photograph = {"propose-candidates", "propose-proposals", "detection-maps"}
    others = {"lock", "data-set", "extract", "onnx", "predict", "rescoring", "train"}
    assert {path.name for path in scratch.iterdir()} == others | by_photograph
    (data_set,) = (scratch / "data-set").iterdir()
    assert {path.name for path in data_set.iterdir()} == {"images", "train.json", "val.json"}
    sizes = PARAMETERS["dataset"]["puppets"]
    for name in ("propose-candidates", "propose-proposals"):
        (cache,) = (scratch / name).iterdir()
        assert len(list(cache.iterdir())) == sizes["train_images"] + sizes["val_images"]
    for split in ("train", "val"):
        (cache,) = (scratch / "detection-maps" / split).iterdir()
        assert len(list(cache.iterdir())) == sizes[f"{split}_images"]
    for split in ("train", "val"):
        (last,) = (scratch / f"extract/{split}.zarr").iterdir()
        assert [path.name for path in last.iterdir()] == ["store.zarr"]
        assert files(last / "store.zarr") == files(one_worker / f"data/features/{split}.zarr")
    assert not list(scratch.rglob("*.part"))


def test_the_ablation_of_all_layers_equals_the_evaluation(one_worker: Path) -> None:
    """With the same layers, K and superpixels, both stages measure the same masks."""
    ablation = json.loads((one_worker / "metrics/ablation.json").read_text())
    evaluated = json.loads((one_worker / "metrics/segmentation.json").read_text())["ground_truth_boxes"]
    assert ablation[1]["mean_iou"] == pytest.approx(evaluated["mean_iou"], abs=1e-4)


def test_the_number_of_workers_changes_no_byte(one_worker: Path) -> None:
    folder = one_worker.parent / "two"
    shutil.copytree(one_worker, folder, ignore=shutil.ignore_patterns(".scratch"))  # from which all would be taken over
    for name in ("proposals", "models", "predictions"):
        shutil.rmtree(folder / "data" / name)
    (folder / "metrics/ablation.json").unlink()
    run(folder, workers=2, names=("propose", "train", "predict", "baselines", "ablate"))
    one, two = ({n: c for n, c in files(f).items() if not n.startswith(".scratch")} for f in (one_worker, folder))
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []
