from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with parameters and photographs, in which no stage has run."""
    monkeypatch.chdir(tmp_path)
    Path("data/images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(1, 13):
        cv2.imwrite(f"data/images/{number}.png", rng.integers(0, 255, (60, 80, 3), dtype=np.uint8))
    Path("params.yaml").write_text("tasks: [segmentation]\nreport: {gallery: 5}\n")
    return tmp_path
