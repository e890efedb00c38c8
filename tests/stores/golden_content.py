"""The content of the golden stores; `python -m tests.stores.golden_content` writes them again."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hypercolumns.detection.detector import Detector
from hypercolumns.detection.linear_models import BoxRegressor, LinearClassifiers
from hypercolumns.features.schema import COLUMNS, DIGEST_BYTES, KINDS
from hypercolumns.features.writer import FeatureStoreWriter
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.spec import GridSpec
from hypercolumns.proposals.ranking import FEATURES, Ranker
from hypercolumns.proposals.store import Proposals, ProposalWriter

GOLDEN = Path(__file__).parent / "golden"

REGIONS = 6
EXPANSION = 1.25
SHAPES = {"stage": (4096, 8, 8), "vector": (512, 1, 1)}
"""Large, so that the index of a shard is small; regular values make the chunks small."""

ATTRIBUTES = {"backbone": "golden", "categories": {"1": "cat", "3": "dog"}, "key": "0" * 64}


ORIGIN = {"backbone": "golden", "layers": [["stage", 4096, 8]]}
"""Origin of the features of the detector."""


def blocks() -> dict[str, NDArray[np.float16]]:
    """(region, channel, y, x) by layer."""
    return {
        name: np.stack([(np.arange(np.prod(shape)) % 32 / 4 - row).reshape(shape) for row in range(REGIONS)]).astype(
            "f2"
        )
        for name, shape in SHAPES.items()
    }


def regions() -> pd.DataFrame:
    """The region table."""
    columns = {name: np.arange(REGIONS) * (i + 1) + 0.0 for i, name in enumerate(COLUMNS)}
    columns["category"] = np.array([1, 1, 1, 1, 3, 3])
    return pd.DataFrame(columns | {"kind": [KINDS[i % len(KINDS)] for i in range(REGIONS)]})


def digests() -> NDArray[np.uint8]:
    """Digests of the regions."""
    return np.arange(REGIONS * DIGEST_BYTES, dtype=np.uint8).reshape(REGIONS, DIGEST_BYTES)


def write_features(path: Path) -> None:
    with FeatureStoreWriter(path, SHAPES) as writer:
        writer.append(blocks())
        writer.finish(regions(), digests(), EXPANSION, ATTRIBUTES)


def proposals() -> dict[int, Proposals]:
    """Proposals of two images by image id."""
    return {
        7: Proposals(
            np.arange(20, dtype=np.int32).reshape(4, 5) % 3,
            np.array([[True, False, True], [False, True, False]]),
            np.array([[0, 0, 5, 4], [1, 0, 5, 4]], dtype=np.float32),
            np.array([0.75, 0.5], dtype=np.float32),
        ),
        2: Proposals(
            np.arange(12, dtype=np.int32).reshape(6, 2),
            np.arange(12)[None] % 2 == 0,
            np.array([[0, 0, 2, 6]], dtype=np.float32),
            np.array([-0.25], dtype=np.float32),
        ),
    }


def ranker() -> Ranker:
    knots = np.arange(len(FEATURES) * 3).reshape(-1, 3) / 4
    return Ranker(knots, 1 - knots, 0.125)


def write_proposals(path: Path) -> None:
    with ProposalWriter.create(path, ranker()) as writer:
        for image, content in proposals().items():
            writer.add(image, content)


def model() -> GridModel:
    shape = (1, 2, 4)
    return GridModel(
        spec=GridSpec(("stage", "vector"), 2),
        heat_map=50,
        targets=("head", "tail"),
        groups=("animal",),
        group_of_category={1: 0, 3: 0},
        weights={
            name: np.arange(8 * c, dtype=np.float32).reshape(*shape, c) / 8 for name, c in (("stage", 5), ("vector", 3))
        },
        bias=np.arange(8, dtype=np.float32).reshape(shape) - 4,
    )


def detector() -> Detector:
    weights = np.arange(15, dtype=np.float32).reshape(5, 3) / 8
    moves = np.arange(20, dtype=np.float32).reshape(5, 4) / 4
    classifiers = LinearClassifiers(weights, np.array([1, -1, 0.5], np.float32))
    return Detector((1, 3), classifiers, BoxRegressor(moves, np.zeros(4, np.float32)))


WRITERS = {
    "features": write_features,
    "proposals": write_proposals,
    "model": lambda path: model().save(path),
    "detector": lambda path: detector().save(path, ORIGIN),
}
"""Functions that write a golden store to a path, by its name."""


if __name__ == "__main__":
    for name, write in WRITERS.items():
        shutil.rmtree(GOLDEN / f"{name}.zarr", ignore_errors=True)
        write(GOLDEN / f"{name}.zarr")
