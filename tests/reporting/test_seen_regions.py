"""Features on the page: which regions are shown, and that their colours are those of the store."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from hypercolumns.exploring.principal_colours import PrincipalColours
from hypercolumns.features.store import FeatureStore
from hypercolumns.reporting.pictures import TILE
from hypercolumns.reporting.seen_regions import MOST_CELLS, see_regions
from tests.reporting.page_project import decode, run_report, squares, write_features, write_results

pytestmark = pytest.mark.usefixtures("project")


def test_annotated_instances_of_evenly_spaced_photographs_are_shown():
    annotations = squares()
    seen = see_regions(FeatureStore.open(write_features(annotations)), annotations)
    assert [region.file_name for region in seen] == ["2.png", "5.png", "8.png", "11.png"]
    assert [region.category for region in seen] == ["person", "<b>horse</b>"] * 2
    pictures = [(layer.layer, layer.channels, layer.height, layer.width) for layer in seen[0].layers]
    assert pictures == [("fine", 5, 8, 8), ("top", 6, 1, 1)]


def test_detections_are_shown_where_nothing_is_annotated():
    unlabelled = replace(squares(), instances=())
    seen = see_regions(FeatureStore.open(write_features(unlabelled)), unlabelled)
    assert [region.category for region in seen] == ["person"] * 4


def test_the_pictures_have_the_colours_of_the_store_pixel_by_pixel():
    annotations = squares()
    store = FeatureStore.open(write_features(annotations))
    regions = store.regions
    for region in see_regions(store, annotations):
        image = int(region.file_name.removesuffix(".png"))
        row = int(np.flatnonzero((regions["image"] == image) & (regions["kind"] == "ground_truth"))[0])
        for layer in region.layers:
            block = store.read(layer.layer, slice(row, row + 1))[0]
            expected = PrincipalColours.of_store(store, layer.layer).paint(block)
            np.testing.assert_array_equal(decode(layer.picture), expected)


def test_the_crop_is_the_expanded_box():
    """The photographs are noise, whose mean in the box tells where the crop is from."""
    annotations = squares()
    seen = see_regions(FeatureStore.open(write_features(annotations)), annotations)
    photograph = cv2.cvtColor(cv2.imread("data/images/2.png"), cv2.COLOR_BGR2RGB)
    box = photograph[18:42, 20:44]  # 20 x 20 pixels at 22, 20, times 1.2
    crop = decode(seen[0].crop)
    assert crop.shape == (TILE, TILE, 3)
    small = cv2.resize(crop.astype(np.float32), (24, 24), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(small.ravel(), box.ravel())[0, 1] > 0.8


def test_layers_of_many_cells_have_small_pictures():
    annotations = squares()
    seen = see_regions(FeatureStore.open(write_features(annotations, fine=200)), annotations)
    assert decode(seen[0].layers[0].picture).shape == (MOST_CELLS, MOST_CELLS, 3)
    assert (seen[0].layers[0].height, seen[0].layers[0].width) == (200, 200)


def test_a_store_without_regions_has_no_section():
    write_results()
    assert "features" in run_report().ids
    write_features(replace(squares(), images=(), instances=()))
    assert "features" not in run_report().ids
