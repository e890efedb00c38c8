"""Stores that were written when the format was settled: they are read, and the same content gives the same bytes.

If such a test fails, the format has changed, and users have stores in the old one: `schema` needs another version.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hypercolumns import FeatureStore
from hypercolumns.detection.detector import Detector
from hypercolumns.features.schema import COLUMNS
from hypercolumns.grid.model import GridModel
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.stores.verification import verify
from tests.stores import golden_content as content

FEATURES, PROPOSALS, MODEL, DETECTOR = (content.GOLDEN / f"{name}.zarr" for name in content.WRITERS)


def test_every_value_of_the_feature_store_is_read() -> None:
    store = FeatureStore.open(FEATURES)
    pd.testing.assert_frame_equal(store.regions[list(COLUMNS)], content.regions(), check_dtype=False)
    for name, block in content.blocks().items():
        np.testing.assert_array_equal(store.read(name, slice(0, len(store))), block)
    np.testing.assert_array_equal(store.column("digest"), content.digests())
    assert store.attributes["expansion"] == content.EXPANSION
    assert store.attributes.items() >= content.ATTRIBUTES.items()
    assert store.layers == tuple(content.SHAPES)


def test_every_value_of_the_proposals_is_read() -> None:
    store = ProposalStore.open(PROPOSALS)
    assert store.image_ids == tuple(content.proposals())
    for image, expected in content.proposals().items():
        for name, values in vars(expected).items():
            np.testing.assert_array_equal(getattr(store[image], name), values)
    for name, values in vars(content.ranker()).items():
        np.testing.assert_array_equal(getattr(store.ranker, name), values)


def test_every_value_of_the_model_is_read() -> None:
    found, expected = GridModel.open(MODEL), content.model()
    assert found.weights.keys() == expected.weights.keys()
    for layer, weights in expected.weights.items():
        np.testing.assert_array_equal(found.weights[layer], weights)
    np.testing.assert_array_equal(found.bias, expected.bias)
    for name in ("spec", "heat_map", "targets", "groups", "group_of_category"):
        assert getattr(found, name) == getattr(expected, name)


def test_every_value_of_the_detector_is_read() -> None:
    found, expected = Detector.open(DETECTOR, content.ORIGIN), content.detector()
    assert found.categories == expected.categories
    assert found.regressor is not None
    for name in ("weights", "biases"):
        np.testing.assert_array_equal(getattr(found.classifiers, name), getattr(expected.classifiers, name))
        np.testing.assert_array_equal(getattr(found.regressor, name), getattr(expected.regressor, name))


@pytest.mark.parametrize("name", content.WRITERS)
def test_the_same_content_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    golden, written = content.GOLDEN / f"{name}.zarr", tmp_path / "written.zarr"
    content.WRITERS[name](written)
    expected, found = (
        {f.relative_to(s).as_posix(): f.read_bytes() for f in s.rglob("*") if f.is_file()} for s in (golden, written)
    )
    assert found.keys() == expected.keys()
    assert [file for file in found if found[file] != expected[file]] == []


@pytest.mark.parametrize("name", content.WRITERS)
def test_golden_stores_are_sound(name: str) -> None:
    assert verify(content.GOLDEN / f"{name}.zarr").is_sound
