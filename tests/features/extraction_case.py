"""A small extraction for tests, and a program that kills it at random moments.

`python extraction_case.py PHOTOS OUT SCRATCH SEED KILLS MODE` starts the extraction at most KILLS + 1 times; all
runs but the last are killed. It prints for each run how many regions were finished before it.
"""

import itertools
import json
import os
import random
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image as Photo

from hypercolumns.annotations.model import AnnotationSet, Category, Image
from hypercolumns.backbones import Backbone, create_backbone
from hypercolumns.features.extraction import extract
from hypercolumns.features.schema import KINDS
from hypercolumns.parameters import BackboneParameters, ComputeParameters
from hypercolumns.scratch.checked_files import load_arrays
from hypercolumns.stores.writing import UNFINISHED

REGIONS = 150
"""Two full parts and some more regions."""
WIDTH, HEIGHT, IMAGES = 90, 70, 5
LAYERS = ("features.3", "features.6", "classifier.3")
SHORT_SIDES = {"warp": None, "image": 96}
"""Argument of `extract` by `regions.mode`."""
CPU = ComputeParameters(device="cpu")


def write_photographs(folder: Path) -> AnnotationSet:
    """Photographs of noise, and annotations that name them."""
    rng = np.random.default_rng(3)
    images = []
    for i in range(1, IMAGES + 1):
        coarse = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
        Photo.fromarray(coarse).resize((WIDTH, HEIGHT), Photo.Resampling.BICUBIC).save(folder / f"{i}.png")
        images.append(Image(i, f"{i}.png", WIDTH, HEIGHT))
    return AnnotationSet(tuple(images), (Category(1, "a"), Category(2, "b")), (), str(folder))


def make_regions(n: int = REGIONS) -> pd.DataFrame:
    """Boxes with integer coordinates, some of which extend beyond their photograph once expanded."""
    rng = np.random.default_rng(4)
    corner = rng.integers(0, (60, 40), (n, 2))
    size = rng.integers(8, 30, (n, 2))
    return pd.DataFrame(
        {
            "image": rng.integers(1, IMAGES + 1, n),
            "category": np.sort(rng.integers(1, 3, n)),
            "instance": np.arange(n),
            "kind": [KINDS[0]] * n,
            "x0": corner[:, 0].astype(float),
            "y0": corner[:, 1].astype(float),
            "x1": (corner + size)[:, 0].astype(float),
            "y1": (corner + size)[:, 1].astype(float),
            "iou": 1.0,
            "score": 1.0,
        }
    )


def make_backbone(layers: tuple[str, ...] = LAYERS, seed: int = 0) -> Backbone:
    """SqueezeNet with random weights."""
    settings = BackboneParameters(name="torchvision:squeezenet1_1", weights="random", layers=layers, input_size=64)
    return create_backbone(settings, seed)


def run(
    annotations: AnnotationSet,
    out: Path,
    scratch: Path,
    mode: str,
    backbone: Backbone | None = None,
    n: int = REGIONS,
    compute: ComputeParameters = CPU,
) -> None:
    """Extract `n` regions in a mode; None for a new backbone."""
    extract(
        make_regions(n),
        annotations,
        backbone or make_backbone(),
        out,
        scratch=scratch,
        expansion=1.5,
        short_side=SHORT_SIDES[mode],
        compute=compute,
    )


def _main(photos: Path, out: Path, scratch: Path, seed: int, kills: int, mode: str) -> None:
    annotations = write_photographs(photos)
    rng = random.Random(seed)  # noqa: S311 - moments, not secrets
    finished = []
    for left in range(kills, -1, -1):
        finished.append(count_finished(scratch))
        moment = rng.randrange(1, 4), rng.uniform(0, 0.02)
        # Forking saves each run the import of torch; this process itself must not compute anything before.
        child = os.fork()
        if child == 0:
            if left:
                _die_after_files(*moment)
            run(annotations, out, scratch, mode)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):  # the last run, or one that was finished before its time had come
            break
    print(*finished)
    sys.exit(os.waitstatus_to_exitcode(status))


def _die_after_files(number: int, seconds: float) -> None:
    """Kill this process a while after a number of files have appeared: a moment that does not depend on its speed."""
    replace, appeared = Path.replace, itertools.count(1)

    def replace_and_count(path: Path, target: Path) -> Path:
        replaced = replace(path, target)
        if next(appeared) == number:
            threading.Timer(seconds, os.kill, [os.getpid(), signal.SIGKILL]).start()
        return replaced

    Path.replace = replace_and_count  # type: ignore[method-assign]


def count_finished(scratch: Path) -> int:
    """Number of regions whose blocks are on disk, or in the spool of whole photographs."""
    beginnings = [json.loads(file.read_text()) for file in scratch.rglob(UNFINISHED)]
    in_store = max((4 * len(entry["lengths"]) for b in beginnings for entry in b.values()), default=0)
    spooled = [load_arrays(file) for file in scratch.rglob("spool/*.npz")]
    return max(in_store, sum(len(arrays["rows"]) for arrays in spooled if arrays))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), sys.argv[6])
