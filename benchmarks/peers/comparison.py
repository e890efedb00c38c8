"""The peers beside the pipeline: the same photographs, time per region and photograph, bytes, and pixel classifiers."""

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
from benchmarks.inputs import in_words, regions_of, scenes
from benchmarks.measuring import ONE_THREAD, apart
from benchmarks.peers import plain
from benchmarks.peers.environment import PYTHON, ROOT
from benchmarks.sizes import Sizes
from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones.vision import timm
from hypercolumns.features.extraction import extract
from hypercolumns.features.schema import BOX
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.spec import GridSpec
from hypercolumns.grid.training import train_grids
from hypercolumns.parameters import ComputeParameters, PredictParameters, TrainParameters
from hypercolumns.regions import boxes
from hypercolumns.tasks.prediction import predict
from hypercolumns.tasks.segmentation import SegmentationTask

LABELLED = 500
"""Pixels of each class that are labelled in a photograph for convpaint, as scribbles are."""

PROGRAMS = {"thingsvision": "thingsvision", "napari-convpaint": "convpaint"}
"""Modules of this package that run in the peers' environment, by the peer that they measure."""


def figures(sizes: Sizes) -> Section:
    """Features by a plain script, and by peers where their environment is installed; what is missing says why."""
    with tempfile.TemporaryDirectory() as folder:
        annotations = scenes(Path(folder) / "scenes", sizes.photographs)
        regions = regions_of(annotations, sizes.peer_regions)
        case = _describe(annotations, regions, Path(folder))
        script = apart(_plain, case, folder)
        own = apart(_pipeline, annotations, regions, folder).result
        count, photographs = len(regions), len(case["photographs"])
        plain_seconds, plain_bytes = script.result
        found = _beside(f"a plain script (timm {timm.__version__})", plain_seconds, plain_bytes, own, count)
        missing = []
        for name, beside in (("thingsvision", _beside_thingsvision), ("napari-convpaint", _beside_convpaint)):
            try:
                found += beside(_run(name, case, Path(folder)), own, regions)
            except _UnavailableError as reason:
                missing.append(f"{name}: {reason}")
    settings = TrainParameters()
    return Section(
        "Peers",
        f"{count} regions of {photographs} drawn scenes of 320 x 240 pixels, one thread each. The plain script crops "
        f"with PIL, hooks timm's tf_efficientnet_lite0 in batches of {plain.BATCH} and saves float32 arrays; "
        "thingsvision has the same network, layers, crops and batches, and writes its own files (float32). "
        "napari-convpaint computes features of whole photographs with the settings that it comes with, except that "
        f"the network has random weights, and trains its random forest on {2 * LABELLED} labelled pixels per "
        f"photograph; the pipeline extracts the regions and trains a grid with K = {settings.grid} and the default "
        f"solver, {in_words(settings)}. The two answer different questions (every pixel of a photograph; the object in "
        "a box), so that times per photograph are a rough guide.",
        tuple(found),
        tuple(missing),
    )


def _beside(name: str, seconds: float, size: int, own: Mapping[str, float], count: int) -> list[Figure]:
    """Extraction of the same regions with the same network and layers."""
    return [
        Figure(
            f"extraction, faster than {name}",
            seconds / own["extract"],
            "x",
            f"{count / own['extract']:.1f} and {count / seconds:.1f} regions/s, one thread, same network and layers",
        ),
        Figure(
            f"stored bytes, less than the .npy files of {name}",
            size / own["bytes"],
            "x",
            f"{own['bytes'] / count / 1e6:.2f} and {size / count / 1e6:.2f} MB per region",
        ),
    ]


class _UnavailableError(Exception):
    """Why a peer did not run."""


def _describe(annotations: AnnotationSet, regions: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """Photographs, expanded boxes and label images (0 unlabelled, 1 background, 2 object) for programs elsewhere."""
    wide = boxes.expand(regions[BOX].to_numpy(), EXPANSION)
    rng = np.random.default_rng(0)
    photographs = []
    for image_id in sorted(regions["image"].unique()):
        image = annotations.image_by_id[int(image_id)]
        inside = np.zeros((image.height, image.width), dtype=bool)
        for instance in annotations.instances_by_image[image.id]:
            inside |= masks.decode(instance.segmentation).astype(bool)
        labels = np.zeros(inside.size, dtype=np.uint8)
        for value, where in ((1, ~inside), (2, inside)):
            at = np.flatnonzero(where)
            labels[rng.choice(at, min(LABELLED, len(at)), replace=False)] = value
        path = folder / f"labels_{image.id}.png"
        Image.fromarray(labels.reshape(inside.shape)).save(path)
        photographs.append(
            {
                "path": str(annotations.image_path(image)),
                "boxes": wide[(regions["image"] == image_id).to_numpy()].tolist(),
                "labels": str(path),
            }
        )
    return {"photographs": photographs}


def _plain(case: dict[str, Any], folder: str) -> tuple[float, int]:
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    out = Path(folder) / "plain"
    out.mkdir()
    return plain.features(case, network, out)


def _pipeline(annotations: AnnotationSet, regions: pd.DataFrame, folder: str) -> dict[str, float]:
    """Seconds to extract, train and predict, and bytes of the store."""
    os.chdir(folder)  # of its scratch files
    backbone, path = default_backbone(), Path(folder) / "own.zarr"
    task = SegmentationTask(annotations, PredictParameters())
    start = time.perf_counter()
    scratch, compute = Path(folder) / "scratch", ComputeParameters(device="cpu")
    extract(regions, annotations, backbone, path, scratch=scratch, expansion=EXPANSION, compute=compute)
    extracted = time.perf_counter()
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        connected = time.perf_counter()
        spec = GridSpec(FeatureStore.open(path).layers, TrainParameters().grid)
        (model,) = train_grids(path, task, [spec], TrainParameters(), client, scratch=scratch)
        trained = time.perf_counter()
        predict(path, [model], task, PredictParameters(), client)
        predicted = time.perf_counter()
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    shutil.rmtree(path)
    return {
        "extract": extracted - start,
        "train": trained - connected,
        "predict": predicted - trained,
        "bytes": size,
    }


def _run(name: str, case: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What the program of a peer found, in the peers' environment."""
    if not PYTHON.exists():
        raise _UnavailableError(
            "the environment of the peers is not installed; `python -m benchmarks.peers.install` makes it (about 2.5 "
            "GB), and `python -m benchmarks --only peers` then adds these rows."
        )
    given, found = folder / "case.json", folder / f"{name}.json"
    given.write_text(json.dumps(case))
    environment = {**os.environ, **ONE_THREAD, "QT_QPA_PLATFORM": "offscreen"}
    program = f"benchmarks.peers.{PROGRAMS[name]}"
    run = subprocess.run(  # noqa: S603 - the peers' own interpreter
        [PYTHON, "-m", program, given, found], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if run.returncode:
        raise _UnavailableError(f"it failed: {run.stderr.strip().splitlines()[-1]}.")
    return dict(json.loads(found.read_text()))


def _beside_thingsvision(found: Mapping[str, Any], own: Mapping[str, float], regions: pd.DataFrame) -> list[Figure]:
    name = f"thingsvision {found['version']} (timm {found['timm']})"
    return _beside(name, found["seconds"], found["bytes"], own, len(regions))


def _beside_convpaint(found: Mapping[str, Any], own: Mapping[str, float], regions: pd.DataFrame) -> list[Figure]:
    photographs = regions["image"].nunique()
    features, trained, predicted = (own[step] / photographs for step in ("extract", "train", "predict"))
    name = f"napari-convpaint {found['version']}"
    return [
        Figure(
            f"features of a photograph, faster than {name}",
            found["features"] / features,
            "x",
            f"{features:.2f} and {found['features']:.2f} s per photograph; {found['settings']}",
        ),
        Figure(
            f"bytes of a photograph's features, less than {name}'s in memory",
            found["bytes"] / (own["bytes"] / photographs),
            "x",
            f"{own['bytes'] / photographs / 1e6:.1f} and {found['bytes'] / 1e6:.1f} MB per photograph",
        ),
        Figure(
            f"training anew on all photographs, faster than {name}",
            found["train"] / trained,
            "x",
            f"{trained:.3f} s (from the store) and {found['train']:.3f} s (features included) per photograph",
        ),
        Figure(
            f"answer for a photograph, faster than {name}",
            found["segment"] / predicted,
            "x",
            f"{predicted:.3f} s (from the store) and {found['segment']:.3f} s per photograph",
        ),
    ]
