"""Features of regions as thingsvision extracts them; a program for the peers' environment.

`python -m benchmarks.peers.thingsvision CASE OUT` uses thingsvision's extractor for custom models, its loader and its
files, with the same network and layers as the pipeline and random weights. thingsvision takes images, not boxes, so it
gets the crops as a data set.
"""

import json
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.peers import plain, shims


class Crops:
    """The boxes of all photographs as a data set of images, each photograph decoded once."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.boxes = [(p["path"], box) for p in case["photographs"] for box in p["boxes"]]
        self.path, self.picture = "", Image.new("RGB", (1, 1))

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, number: int) -> torch.Tensor:
        path, box = self.boxes[number]
        if path != self.path:
            self.path, self.picture = path, Image.open(path).convert("RGB")
        crop = self.picture.crop(box).resize((plain.SIDE, plain.SIDE), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(crop)).permute(2, 0, 1).float() / 127.5 - 1


def measure(case: dict[str, Any], out: Path) -> dict[str, Any]:
    """Extract all regions and write them to the folder `out`; gives the seconds and the bytes of the files."""
    shims.declare_operators()
    shims.stand_in_for_tensorflow()
    import timm
    from thingsvision import get_extractor_from_model
    from thingsvision.utils.data import DataLoader

    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    extractor = get_extractor_from_model(model=network, device="cpu", backend="pt")
    start = time.perf_counter()
    extractor.extract_features(
        batches=DataLoader(Crops(case), plain.BATCH, "pt"),
        module_names=list(plain.MODULES),
        flatten_acts=True,
        output_type="ndarray",
        output_dir=str(out),
    )
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "bytes": sum(file.stat().st_size for file in out.rglob("*.npy")),
        "version": version("thingsvision"),
        "timm": timm.__version__,
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(json.loads(Path(sys.argv[1]).read_text()), Path(folder))
    Path(sys.argv[2]).write_text(json.dumps(measured))
