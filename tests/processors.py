"""How features differ between processors: `python -m tests.processors`.

Extraction runs with the instructions of this processor, and as on older ones with AVX2 or without AVX, which PyTorch
can be told to leave unused; ONNX Runtime cannot. The differences are printed by layer, beside those between the two
engines.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.extraction import EXPANSION
from benchmarks.inputs import draw_scenes, make_regions
from hypercolumns.backbones import create_backbone
from hypercolumns.features.extraction import extract
from hypercolumns.features.store import FeatureStore
from hypercolumns.parameters import BackboneParameters, ComputeParameters

PHOTOGRAPHS, REGIONS = 8, 128

_AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
_NO_AVX = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}

WAYS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "torch, all instructions": ("torch", {}),
    "torch, AVX2": ("torch", _AVX2),
    "torch, without AVX": ("torch", _NO_AVX),
    "onnxruntime": ("onnxruntime", {}),
}
"""Engine and environment variables of each extraction; the first one is compared with the others."""


def main() -> None:
    """Extract in each way, and print how far the features differ from those of the first one."""
    with tempfile.TemporaryDirectory(prefix="processors-") as temporary:
        folder = Path(temporary)
        stores = []
        for number, (engine, variables) in enumerate(WAYS.values()):
            command = [sys.executable, "-m", "tests.processors", engine, str(folder / str(number))]
            subprocess.run(command, check=True, env={**os.environ, "TQDM_DISABLE": "1", **variables})  # noqa: S603
            stores.append(FeatureStore.open(folder / str(number) / "features.zarr"))
        first = stores[0]
        print(
            f"{'compared with ' + next(iter(WAYS)):32}{'layer':>10}{'values that differ':>22}{'largest difference':>22}"
        )
        for name, store in zip(list(WAYS)[1:], stores[1:], strict=True):
            for layer in first.layers:
                one, two = (s.read(layer, slice(0, REGIONS)).astype(np.float64) for s in (first, store))
                difference = np.abs(one - two)
                share, largest = np.mean(difference > 0), difference.max() / one.std()
                print(f"{name:32}{layer:>10}{share:>21.2%} {largest:>17.4f} std.")


def _extract(engine: str, folder: Path) -> None:
    """Extract the regions of a few scenes to `features.zarr` in a new folder."""
    (folder / "photographs").mkdir(parents=True)
    annotations = draw_scenes(folder / "photographs", PHOTOGRAPHS)
    backbone = create_backbone(BackboneParameters(engine=engine))  # type: ignore[arg-type]
    extract(
        make_regions(annotations, REGIONS),
        annotations,
        backbone,
        folder / "features.zarr",
        scratch=folder / ".scratch",
        expansion=EXPANSION,
        compute=ComputeParameters(device="cpu"),
    )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _extract(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
