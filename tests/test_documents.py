"""The Python that documents print runs, as printed."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hypercolumns.cli.verify import main as verify
from tests.documents import ROOT, code_blocks
from tests.stores import golden_content


def test_the_lines_of_the_python_guide_run_one_after_the_other(tmp_path: Path) -> None:
    lines = "\n".join(code_blocks("docs/python.md"))
    checks = """
    assert store.hypercolumns([0], size=50).compute().shape == (1, 50, 50, 152)
    assert heat.shape == (4, 1, 50, 50)
    assert page.exists()
    assert 0 <= judgement.summary["mean_iou"] <= 1
    """
    body = "\n".join(f"    {line}" for line in lines.splitlines())
    (tmp_path / "guide.py").write_text(f'if __name__ == "__main__":\n{body}\n{checks}')
    done = subprocess.run(
        [sys.executable, "guide.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "pipeline"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_plain_zarr_reads_a_store_as_its_specification_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(golden_content.GOLDEN / "features.zarr", tmp_path / "data/features/val.zarr")
    monkeypatch.chdir(tmp_path)
    (lines,) = code_blocks("docs/store.md")
    names: dict = {}
    exec(lines, names)  # noqa: S102
    regions = golden_content.regions()
    np.testing.assert_array_equal(names["rows"], np.flatnonzero(regions["kind"] == "ground_truth"))
    np.testing.assert_array_equal(names["boxes"], regions[["x0", "y0", "x1", "y1"]])
    assert names["blocks"].keys() == golden_content.SHAPES.keys()
    for layer, expected in golden_content.blocks().items():
        np.testing.assert_array_equal(names["blocks"][layer], expected[0])


def test_the_manifest_in_the_specification_is_that_of_the_golden_model() -> None:
    (manifest,) = code_blocks("docs/store.md", "json")
    assert manifest == (golden_content.GOLDEN / "model.zarr/manifest.json").read_text()


def test_verify_prints_what_the_specification_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "data/models/segmentation.zarr"
    shutil.copytree(golden_content.GOLDEN / "model.zarr", store)
    content = bytearray((store / "bias/c/0/0/0").read_bytes())
    content[40] ^= 1
    (store / "bias/c/0/0/0").write_bytes(content)
    (store / "weights/vector/c/0/0/0/0").unlink()
    monkeypatch.chdir(tmp_path)
    shown, _ = code_blocks("docs/store.md", "console")
    command, _, output = shown.partition("\n")
    assert command == "$ hypercolumns verify data/models"
    result = CliRunner().invoke(verify, ["data/models"])
    assert result.exit_code == 1
    assert result.output == output


def test_the_numbers_of_files_in_the_specification() -> None:
    """Regions per shard of the default network, and files of the blocks of VOC and COCO."""
    from benchmarks import scaling
    from benchmarks.extraction import default_backbone
    from benchmarks.inputs import block_shapes
    from hypercolumns.features.schema import regions_per_shard

    shapes = block_shapes(default_backbone())
    page = " ".join((ROOT / "docs/store.md").read_text().split())
    assert f"a shard has {regions_per_shard(shapes):,} regions" in page
    voc, coco = (
        sum(-(-n // regions_per_shard(shapes)) * len(shapes) for n in (data.train_regions, data.val_regions))
        for data in scaling.DATA_SETS[:2]
    )
    assert f"takes about {voc:,} files for its blocks, COCO 2017 (2.7 million) about {coco:,}," in page
