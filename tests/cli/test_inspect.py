"""`hypercolumns inspect` prints the contents of a store, or one paragraph when there is none."""

from pathlib import Path

import numpy as np
import pandas as pd
from click.testing import CliRunner

from hypercolumns.cli.inspect import main
from hypercolumns.features import writer
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
    assert "80 regions of 1 images" in result.output
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
