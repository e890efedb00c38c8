"""The baselines are the grids that the paper compares with."""

from pathlib import Path

from hypercolumns.grid.comparisons import baseline_files, baseline_specs
from hypercolumns.grid.spec import GridSpec


def test_baselines_are_the_top_layer_and_one_classifier(tmp_path: Path) -> None:
    """Files are listed for those baselines that have been trained."""
    specs = baseline_specs(("fine", "middle", "top"), 5)
    assert specs == {"top_layer": GridSpec(("top",), 5), "k1": GridSpec(("fine", "middle", "top"), 1)}
    assert baseline_files(tmp_path, ".zarr") == {}
    (tmp_path / "k1.zarr").mkdir()
    assert list(baseline_files(tmp_path, ".zarr")) == ["k1"]
