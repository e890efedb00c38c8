"""A small extraction for the tests, and a program that kills it at random moments.

As a program: `python extraction_case.py PHOTOS OUT SCRATCH SEED KILLS MODE` starts the extraction again and again,
kills all but the last run, and prints for each run how many shards were finished before it.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image as Photo

from hypercolumns.annotations.model import AnnotationSet, Category, Image
from hypercolumns.backbones import Backbone, create_backbone
from hypercolumns.features.extraction import extract
from hypercolumns.features.schema import KINDS
from hypercolumns.parameters import BackboneParameters, ComputeParameters

REGIONS = 150  # two whole shards and a part
WIDTH, HEIGHT, IMAGES = 90, 70, 5
LAYERS = ("features.3", "features.6", "classifier.3")
SHORT_SIDES = {"warp": None, "image": 96}
"""By `regions.mode`."""
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
    """Boxes of whole pixels, some of which leave their photograph once expanded."""
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
    settings = BackboneParameters(name="torchvision:squeezenet1_1", weights="random", layers=layers, input_size=64)
    return create_backbone(settings, seed)


def run(annotations: AnnotationSet, out: Path, root: Path, mode: str) -> None:
    extract(
        make_regions(),
        annotations,
        make_backbone(),
        out,
        scratch=root,
        expansion=1.5,
        short_side=SHORT_SIDES[mode],
        compute=CPU,
    )


def _main(photos: Path, out: Path, root: Path, seed: int, kills: int, mode: str) -> None:
    annotations = write_photographs(photos)
    rng = random.Random(seed)  # noqa: S311 - moments, not secrets
    finished = []
    for left in range(kills, -1, -1):
        finished.append(len(list(root.glob("*/done/*"))))
        # Forked before this process has computed anything, so that not every run need import torch again.
        child = os.fork()
        if child == 0:
            run(annotations, out, root, mode)
            os._exit(0)
        if left:
            # 26 files are there before the first shard, 30 once it is finished; the last kills wait for that.
            _wait_for_files(root, max(_files(root) + 1, rng.randrange(20, 36) if left > 2 else 32), child)
            time.sleep(rng.uniform(0, 0.02))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    print(*finished)
    sys.exit(os.waitstatus_to_exitcode(status))


def _files(root: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(root))


def _wait_for_files(root: Path, wanted: int, child: int) -> None:
    """Wait until there are as many files, or the child is done: a moment that does not depend on the speed."""
    while _files(root) < wanted and os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        time.sleep(0.001)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), sys.argv[6])
