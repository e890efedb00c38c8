"""A Parquet table of results has every value of the results."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hypercolumns.annotations import masks
from hypercolumns.errors import InputError
from tests.results import result_scenes as scenes


def test_a_row_has_all_of_a_result(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    head = {"name": "head", "segmentation": masks.encode(scenes.rectangle(6, 5, 9, 9))}
    first, *others = scenes.results()
    found = [first | {"parts": [head]}, *others, *scenes.person_results()]
    table = pd.read_parquet(scenes.convert(scenes.write(tmp_path, found), "parquet", "out.parquet"))
    assert table["file_name"].tolist() == ["a.jpg", "a.jpg", "garden/b.png", "garden/b.png"]
    assert table["category"].tolist() == ["person", "car & <van>", "person", "car & <van>"]
    assert table["score"].tolist() == [0.9, 0.7, 0.7, 0.5]
    for row, mask in ((0, scenes.RING), (1, scenes.COVERED), (3, scenes.PIECES)):
        code = {"size": list(map(int, table["mask_size"][row])), "counts": table["mask_counts"][row]}
        np.testing.assert_array_equal(masks.decode(code), mask)
    assert table.loc[2, ["x0", "y0", "x1", "y1"]].tolist() == [-4, 3.5, 16, 13.5], "as it was detected"
    assert table["mask_counts"][2] is None or pd.isna(table["mask_counts"][2])
    assert table["keypoint_names"][2].tolist() == ["nose", "chin"]
    assert [table[f"keypoint_{k}"][2].tolist() for k in ("x", "y", "score")] == [[12.5, -3], [7.25, 9], [0.8, 0.6]]
    assert table["part_names"][0].tolist() == ["head"]
    assert table["part_counts"][0].tolist() == [head["segmentation"]["counts"]]


def test_no_results_make_an_empty_table_with_all_columns(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    table = pd.read_parquet(scenes.convert(scenes.write(tmp_path, []), "parquet", "out.parquet"))
    assert len(table) == 0
    assert {"file_name", "category", "score", "mask_counts", "keypoint_x"} <= set(table.columns)


def test_without_pyarrow_the_extra_is_named_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install 'hypercolumns\[parquet\]'"):
        scenes.convert(scenes.write(tmp_path), "parquet", "out.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photographs", "results.json", "val.json"]
