"""The pipeline beside its peers on the same photographs: time, bytes and pixel classifiers."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from distributed import Client
from PIL import Image

from benchmarks.extraction import EXPANSION, default_backbone
from benchmarks.figures import Figure, Section
from benchmarks.inputs import describe_solver, draw_scenes, make_regions
from benchmarks.measuring import ONE_THREAD, in_new_process
from benchmarks.peers import plain
from benchmarks.peers.environment import PYTHON, ROOT
from benchmarks.sizes import Sizes
from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones.vision import timm
from hypercolumns.evaluation.detections import mask_or_box
from hypercolumns.features.extraction import extract
from hypercolumns.features.schema import BOX
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.spec import GridSpec
from hypercolumns.grid.training import train_grids
from hypercolumns.parameters import ComputeParameters, PredictParameters, TrainParameters
from hypercolumns.regions import boxes
from hypercolumns.tasks.prediction import predict
from hypercolumns.tasks.segmentation import SegmentationTask

LABELLED_PIXELS = 500
"""Pixels of each class that are labelled in a photograph for convpaint, as scribbles are."""

PROGRAMS = {"thingsvision": "thingsvision", "napari-convpaint": "convpaint"}
"""Modules of this package that run in the peers' environment, by the peer they measure."""


def figures(sizes: Sizes) -> Section:
    """Measure a plain script, and the peers where their environment is installed; what is missing says why."""
    with tempfile.TemporaryDirectory() as folder:
        annotations = draw_scenes(Path(folder) / "scenes", sizes.photographs)
        regions = make_regions(annotations, sizes.peer_regions)
        case = _make_case(annotations, regions, Path(folder))
        script = in_new_process(_run_plain, case, folder)
        ours = in_new_process(_run_pipeline, annotations, regions, folder).result
        count, photographs = len(regions), len(case["photographs"])
        plain_seconds, plain_bytes = script.result
        results = _compare_extraction(
            f"a plain script (timm {timm.__version__})", plain_seconds, plain_bytes, ours, count
        )
        missing = []
        for name, compare in (("thingsvision", _compare_thingsvision), ("napari-convpaint", _compare_convpaint)):
            try:
                results += compare(_run_peer(name, case, Path(folder)), ours, regions)
            except _UnavailableError as reason:
                missing.append(f"{name}: {reason}")
    settings = TrainParameters()
    return Section(
        "Peers",
        f"{count} regions of {photographs} drawn scenes of 320 x 240 pixels; every program has one thread, and "
        "its network before the clock starts, the pipeline's converted for ONNX Runtime. The plain "
        f"script crops with PIL, hooks timm's tf_efficientnet_lite0, runs batches of {plain.BATCH} and saves float32 "
        "arrays. thingsvision has the same network, layers, crops and batches, and writes float32 files of its format. "
        "napari-convpaint computes features of whole photographs with its default settings, except that the network "
        f"has random weights, and trains its random forest on {2 * LABELLED_PIXELS} labelled pixels per photograph; "
        f"the pipeline extracts the regions and trains a grid with K = {settings.grid} and the default solver, "
        f"{describe_solver(settings)}. The two answer different questions (every pixel of a photograph; the object in "
        "a box), so times per photograph are only a rough guide.",
        tuple(results),
        tuple(missing),
    )


def _compare_extraction(name: str, seconds: float, size: int, ours: Mapping[str, float], count: int) -> list[Figure]:
    """Compare the extraction of `count` regions with the same network and layers."""
    return [
        Figure(
            f"extraction, faster than {name}",
            seconds / ours["extract"],
            "x",
            f"{count / ours['extract']:.1f} and {count / seconds:.1f} regions/s, one thread, same network and layers",
        ),
        Figure(
            f"stored bytes, less than the .npy files of {name}",
            size / ours["bytes"],
            "x",
            f"{ours['bytes'] / count / 1e6:.2f} and {size / count / 1e6:.2f} MB per region",
        ),
    ]


class _UnavailableError(Exception):
    """A peer could not run; the message says why."""


def _make_case(annotations: AnnotationSet, regions: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """Describe photographs and expanded boxes for other programs, and write label images.

    Labels are 0 unlabelled, 1 background, 2 object.
    """
    expanded = boxes.expand(regions[BOX].to_numpy(), EXPANSION)
    rng = np.random.default_rng(0)
    photographs = []
    for image_id in sorted(regions["image"].unique()):
        image = annotations.image_by_id[int(image_id)]
        inside = np.zeros((image.height, image.width), dtype=bool)
        for instance in annotations.instances_by_image[image.id]:
            inside |= masks.decode(mask_or_box(instance, image))
        labels = np.zeros(inside.size, dtype=np.uint8)
        for value, area in ((1, ~inside), (2, inside)):
            pixels = np.flatnonzero(area)
            labels[rng.choice(pixels, min(LABELLED_PIXELS, len(pixels)), replace=False)] = value
        path = folder / f"labels_{image.id}.png"
        Image.fromarray(labels.reshape(inside.shape)).save(path)
        photographs.append(
            {
                "path": str(annotations.image_path(image)),
                "boxes": expanded[(regions["image"] == image_id).to_numpy()].tolist(),
                "labels": str(path),
            }
        )
    return {"photographs": photographs}


def _run_plain(case: dict[str, Any], folder: str) -> tuple[float, int]:
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    out = Path(folder) / "plain"
    out.mkdir()
    return plain.features(case, network, out)


def _run_pipeline(annotations: AnnotationSet, regions: pd.DataFrame, folder: str) -> dict[str, float]:
    """Measure the seconds to extract, train and predict, and the bytes of the store."""
    os.chdir(folder)  # for its scratch files
    backbone, path = default_backbone(), Path(folder) / "ours.zarr"
    task = SegmentationTask(annotations, PredictParameters(superpixels=0))
    scratch, compute = Path(folder) / "scratch", ComputeParameters(device="cpu")

    def extract_all(some: pd.DataFrame, out: Path) -> None:
        extract(some, annotations, backbone, out, scratch=scratch, expansion=EXPANSION, compute=compute)

    extract_all(regions.iloc[:1], Path(folder) / "first.zarr")  # leaves the converted network below `scratch`
    start = time.perf_counter()
    extract_all(regions, path)
    extracted = time.perf_counter()
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        connected = time.perf_counter()
        spec = GridSpec(FeatureStore.open(path).layers, TrainParameters().grid)
        (model,) = train_grids(path, task, [spec], TrainParameters(), client, scratch=scratch)
        trained = time.perf_counter()
        images, settings = task.annotations.image_by_id, PredictParameters(superpixels=0)
        with predict(path, task, [model], settings, client, images=images, scratch=scratch) as (predictions,):
            for of_kind in predictions.values():
                list(of_kind.results())
        predicted = time.perf_counter()
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    shutil.rmtree(path)
    return {
        "extract": extracted - start,
        "train": trained - connected,
        "predict": predicted - trained,
        "bytes": size,
    }


def _run_peer(name: str, case: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Run the program of a peer in the peers' environment; gives what it measured."""
    if not PYTHON.exists():
        raise _UnavailableError(
            "the environment of the peers is not installed. `python -m benchmarks.peers.install` installs it (about "
            "2.5 GB); `python -m benchmarks --only peers` then adds these rows."
        )
    case_file, result_file = folder / "case.json", folder / f"{name}.json"
    case_file.write_text(json.dumps(case))
    environment = {**os.environ, **ONE_THREAD, "QT_QPA_PLATFORM": "offscreen"}
    program = f"benchmarks.peers.{PROGRAMS[name]}"
    run = subprocess.run(  # noqa: S603 - the peers' ours interpreter
        [PYTHON, "-m", program, case_file, result_file], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if run.returncode:
        raise _UnavailableError(f"it failed: {run.stderr.strip().splitlines()[-1]}.")
    return dict(json.loads(result_file.read_text()))


def _compare_thingsvision(peer: Mapping[str, Any], ours: Mapping[str, float], regions: pd.DataFrame) -> list[Figure]:
    name = f"thingsvision {peer['version']} (timm {peer['timm']})"
    return _compare_extraction(name, peer["seconds"], peer["bytes"], ours, len(regions))


def _compare_convpaint(peer: Mapping[str, Any], ours: Mapping[str, float], regions: pd.DataFrame) -> list[Figure]:
    photographs = regions["image"].nunique()
    features, trained, predicted = (ours[step] / photographs for step in ("extract", "train", "predict"))
    name = f"napari-convpaint {peer['version']}"
    return [
        Figure(
            f"features of a photograph, faster than {name}",
            peer["features"] / features,
            "x",
            f"{features:.2f} and {peer['features']:.2f} s per photograph; {peer['settings']}",
        ),
        Figure(
            f"bytes of a photograph's features, less than {name}'s in memory",
            peer["bytes"] / (ours["bytes"] / photographs),
            "x",
            f"{ours['bytes'] / photographs / 1e6:.1f} and {peer['bytes'] / 1e6:.1f} MB per photograph",
        ),
        Figure(
            f"training again on all photographs, faster than {name}",
            peer["train"] / trained,
            "x",
            f"{trained:.3f} s (from the store) and {peer['train']:.3f} s (features included) per photograph",
        ),
        Figure(
            f"answer for a photograph, faster than {name}",
            peer["segment"] / predicted,
            "x",
            f"{predicted:.3f} s (from the store) and {peer['segment']:.3f} s per photograph",
        ),
    ]
