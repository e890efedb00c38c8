"""`hypercolumns inspect` prints the contents of a store, or one paragraph when there is none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.cli.inspect import main
from hypercolumns.features import description, writer
from hypercolumns.features.schema import COLUMNS, KINDS

N = 80


def test_the_table_counts_layers_bytes_and_regions(tmp_path: Path) -> None:
    columns = {name: np.ones(N) for name in COLUMNS}
    kinds = [KINDS[0]] * 50 + [KINDS[3]] * 30
    regions = pd.DataFrame(columns | {"category": np.repeat([1, 7], 40), "kind": kinds})
    blocks = {"fine": np.zeros((N, 5, 10, 10), np.float16), "vector": np.ones((N, 125, 1, 1), np.float16)}
    path = tmp_path / "features.zarr"
    writer.write_store(path, regions, blocks, 1.25, {"backbone": "toy", "categories": {"1": "person"}})
    result = CliRunner().invoke(main, [str(path)])
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert "80 regions of 1 image," in result.output
    assert "1.25" in lines[0]
    assert ["backbone", "toy"] in lines
    table = {line[0]: line[1:] for line in lines if line}
    assert table["fine"][:7] == ["5", "x", "10", "x", "10", "float16", "0.1"]
    stored = sum(f.stat().st_size for f in (path / "blocks" / "fine").rglob("*") if f.is_file())
    assert table["fine"][8] == f"{N * 500 * 2 / stored:.2f}"
    assert table["category"] == ["ground_truth", "detection", "regions"]
    assert table["person"] == ["40", "0", "40"]
    assert table["7"] == ["10", "30", "40"]
    assert ["all", "50", "30", "80"] in lines
    assert ["all", "130", "channels", "0.1"] in [line[:4] for line in lines]


def test_a_folder_that_is_not_a_store_is_one_paragraph_and_exit_code_1(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path)])
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert "not a feature store" in result.output
    assert "Traceback" not in result.output


def test_values_are_those_of_a_sample_in_large_stores_and_the_data_set_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The layer 'dead' has one channel of zeros and one of ones among three."""
    rng = np.random.default_rng(0)
    blocks = {"dead": rng.normal(size=(N, 3, 4, 4)).astype(np.float16)}
    blocks["dead"][:, 0], blocks["dead"][:, 1] = 0, 1
    regions = pd.DataFrame({name: np.ones(N) for name in COLUMNS} | {"kind": KINDS[0]})
    path = tmp_path / "data/features/val.zarr"
    path.parent.mkdir(parents=True)
    writer.write_store(path, regions, blocks)
    AnnotationSet((), (), (), "somewhere/photographs", "a data set").save(tmp_path / "data/annotations/val.json")
    output = CliRunner().invoke(main, [str(path)]).output
    assert "a data set; photographs in somewhere/photographs" in output
    table = {line[0]: line[1:] for line in map(str.split, output.splitlines()) if line}
    lowest, highest = (f"{v:.3g}" for v in (blocks["dead"].min(), blocks["dead"].max()))
    assert table["dead"][9:] == ["33%", lowest, highest, "2"]
    assert "from all regions" in output
    monkeypatch.setattr(description, "SAMPLED_BYTES", 10 * 3 * 16 * 2)
    assert "from a sample of 8 regions, evenly spaced" in CliRunner().invoke(main, [str(path)]).output
