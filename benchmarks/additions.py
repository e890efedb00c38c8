"""Extraction of a set that has grown by a twentieth, relative to a run from scratch; the bytes must agree."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.extraction import EXPANSION, default_backbone
from benchmarks.figures import Figure, Goal, Section
from benchmarks.inputs import draw_scenes, make_regions
from benchmarks.measuring import median_ratio, seconds
from benchmarks.sizes import Sizes
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import Backbone
from hypercolumns.features.extraction import extract
from hypercolumns.parameters import ComputeParameters

REGIONS_PER_PHOTOGRAPH = 20
EARLIER_PER_NEW = 20
"""Earlier photographs for each new one."""

MAX_REPEATS = 2
"""A round takes minutes."""

GOAL = Goal("at most", 0.1)


@dataclass(frozen=True)
class _Case:
    annotations: AnnotationSet
    backbone: Backbone
    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "features.zarr"

    def extract(self, regions: pd.DataFrame) -> float:
        """Extract regions, and return the seconds that it takes."""
        return seconds(
            lambda: extract(
                regions,
                self.annotations,
                self.backbone,
                self.out,
                scratch=self.folder / "scratch",
                expansion=EXPANSION,
                compute=ComputeParameters(device="cpu"),
            )
        )

    def clear(self) -> None:
        """Forget everything that was extracted."""
        for folder in (self.out, self.folder / "scratch"):
            shutil.rmtree(folder, ignore_errors=True)

    def contents(self) -> dict[str, bytes]:
        """Bytes of every file of the store."""
        files = (path for path in self.out.rglob("*") if path.is_file())
        return {path.relative_to(self.out).as_posix(): path.read_bytes() for path in files}


def figures(sizes: Sizes) -> Section:
    """Extract the regions of all photographs, with and without a store that has those of most photographs.

    Raises
    ------
    RuntimeError
        If both stores differ.
    """
    number = sizes.additions_photographs
    earlier = number * EARLIER_PER_NEW // (EARLIER_PER_NEW + 1)
    times: dict[str, list[float]] = {"from scratch": [], "grown": []}
    with tempfile.TemporaryDirectory() as folder:
        case = _Case(draw_scenes(Path(folder) / "scenes", number), default_backbone(), Path(folder))
        regions = make_regions(case.annotations, number * REGIONS_PER_PHOTOGRAPH)
        is_earlier = regions["image"].isin([image.id for image in case.annotations.images[:earlier]])
        for _ in range(min(sizes.repeats, MAX_REPEATS)):
            case.clear()
            times["from scratch"].append(case.extract(regions))
            expected = case.contents()
            case.clear()
            case.extract(regions[is_earlier].reset_index(drop=True))
            times["grown"].append(case.extract(regions))
            if case.contents() != expected:
                raise RuntimeError("the store that has grown differs from the one that was extracted from scratch")
    n_new = int((~is_earlier).sum())
    seconds_of = {way: float(np.median(values)) for way, values in times.items()}
    return Section(
        "More photographs",
        f"{number - earlier} drawn scenes of 320 x 240 pixels beside {earlier} that are extracted already: {n_new} new "
        f"regions, whose rows lie between the {len(regions) - n_new} earlier ones, with EfficientNet-Lite0 on the CPU. "
        "The bytes of the store equal those of a run from scratch, or the benchmark fails.",
        (
            Figure(
                f"Extraction of {n_new / len(regions):.0%} new regions, relative to all from scratch",
                median_ratio(np.array(times["grown"]), np.array(times["from scratch"])),
                "x",
                f"{seconds_of['grown']:.2f} s of {seconds_of['from scratch']:.1f} s",
                GOAL,
                "ONNX Runtime halved the time of a run from scratch. What does not shrink with it: a chunk holds four "
                "regions, and new rows shift all later ones, so known blocks are decompressed and compressed again.",
            ),
        ),
    )
