"""The peers beside the pipeline: the same photographs, time per region and photograph, bytes, and pixel classifiers."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from distributed import Client
from PIL import Image

from benchmarks.extraction import EXPANSION, default_backbone
from benchmarks.figures import Figure, Section
from benchmarks.inputs import in_words, regions_of, scenes
from benchmarks.measuring import apart
from benchmarks.peers import plain
from benchmarks.peers.install import PYTHON
from benchmarks.sizes import Sizes
from pipeline.annotations import masks
from pipeline.annotations.model import AnnotationSet
from pipeline.backbones.vision import timm
from pipeline.features.extraction import extract
from pipeline.features.schema import BOX
from pipeline.features.store import FeatureStore
from pipeline.grid.model import GridSpec
from pipeline.grid.training import train_grids
from pipeline.parameters import ComputeParameters, PredictParameters, TrainParameters
from pipeline.regions import boxes
from pipeline.tasks.prediction import predict
from pipeline.tasks.segmentation import SegmentationTask

LABELLED = 500
"""Pixels of each class that are labelled in a photograph for convpaint, as scribbles are."""

NO_THINGSVISION = (
    "thingsvision 2.7.3 wants numpy below 2, tensorflow below 2.16 and torchvision 0.15.2, of which none exists for "
    "the torch and the Python that the project is tested with; the plain script does what it would do."
)


def figures(sizes: Sizes) -> Section:
    """Features by a plain script, and pixel classification by convpaint where its environment is installed."""
    missing, settings = [NO_THINGSVISION], TrainParameters()
    with tempfile.TemporaryDirectory() as folder:
        annotations = scenes(Path(folder) / "scenes", sizes.photographs)
        regions = regions_of(annotations, sizes.peer_regions)
        case = _describe(annotations, regions, Path(folder))
        script = apart(_plain, case, folder)
        own = apart(_pipeline, annotations, regions, folder).result
        plain_seconds, plain_bytes = script.result
        count, photographs = len(regions), len(case["photographs"])
        found = [
            Figure(
                "extraction, faster than a plain script",
                plain_seconds / own["extract"],
                "x",
                f"{count / own['extract']:.1f} and {count / plain_seconds:.1f} regions/s, one thread, the same "
                "network and layers",
            ),
            Figure(
                "stored bytes, less than the script's .npy files",
                plain_bytes / own["bytes"],
                "x",
                f"{own['bytes'] / count / 1e6:.2f} and {plain_bytes / count / 1e6:.2f} MB per region",
            ),
        ]
        try:
            found += _beside_convpaint(case, own, photographs, Path(folder))
        except _UnavailableError as reason:
            missing.append(f"napari-convpaint: {reason}")
    return Section(
        "Peers",
        f"{count} regions of {photographs} drawn scenes of 320 x 240 pixels, one thread each. The plain script crops "
        f"with PIL, hooks timm {timm.__version__}'s tf_efficientnet_lite0 in batches of {plain.BATCH} and saves "
        "float32 arrays. napari-convpaint 1.2.0 computes features of whole photographs (VGG-16, its first layer at "
        f"scales 1, 2, 4, random weights) and trains scikit-learn's random forest on {2 * LABELLED} labelled pixels "
        f"per photograph; the pipeline extracts the regions and trains a grid with K = {settings.grid} and "
        f"the default solver, {in_words(settings)}. The two answer different questions (every pixel of a photograph; "
        "the object in a box), so that times per photograph are a rough guide.",
        tuple(found),
        tuple(missing),
    )


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
    extract(regions, annotations, backbone, EXPANSION, ComputeParameters(device="cpu"), path)
    extracted = time.perf_counter()
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        connected = time.perf_counter()
        spec = GridSpec(FeatureStore.open(path).layers, TrainParameters().grid)
        (model,) = train_grids(path, annotations.categories, task, [spec], TrainParameters(), 0, client)
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


def _beside_convpaint(case: dict[str, Any], own: dict[str, float], photographs: int, folder: Path) -> list[Figure]:
    if not PYTHON.exists():
        raise _UnavailableError(
            "its environment is not installed; `python -m benchmarks.peers.install` makes it (about 2 GB)."
        )
    (folder / "case.json").write_text(json.dumps(case))
    program = Path(__file__).with_name("convpaint.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "QT_QPA_PLATFORM": "offscreen"}
    run = subprocess.run(  # noqa: S603 - the peers' own interpreter
        [PYTHON, program, folder / "case.json", folder / "found.json"], env=environment, capture_output=True, text=True
    )
    if run.returncode:
        raise _UnavailableError(f"it failed: {run.stderr.strip().splitlines()[-1]}.")
    found = json.loads((folder / "found.json").read_text())
    features, trained = own["extract"] / photographs, own["train"] / photographs
    return [
        Figure(
            "features of a photograph, faster than convpaint",
            found["features"] / features,
            "x",
            f"{features:.2f} and {found['features']:.2f} s per photograph",
        ),
        Figure(
            "bytes of a photograph's features, less than convpaint's in memory",
            found["bytes"] / (own["bytes"] / photographs),
            "x",
            f"{own['bytes'] / photographs / 1e6:.1f} and {found['bytes'] / 1e6:.1f} MB per photograph",
        ),
        Figure(
            "training anew on all photographs, faster than convpaint",
            found["train"] / trained,
            "x",
            f"{trained:.3f} s (from the store) and {found['train']:.3f} s (features included) per photograph",
        ),
        Figure(
            "answer for a photograph, faster than convpaint",
            found["segment"] / (own["predict"] / photographs),
            "x",
            f"{own['predict'] / photographs:.3f} s (from the store) and {found['segment']:.3f} s per photograph",
        ),
    ]
