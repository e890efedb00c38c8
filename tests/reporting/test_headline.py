"""Metrics at the top of the page: each is in the group of its scale."""

from hypercolumns.reporting.headline import SEGMENTATION, Column, Measured, groups

PCK = Column("mean_pck", "PCK", Measured.GROUND_TRUTH_BOXES)
APK = Column("mean_apk", "APK", Measured.DETECTIONS)
MASKS = {"ap_r_50": 54.04, "ap_r_70": 21.6, "ap_r_vol": None, "box_ap_50": 60.5, "mean_iou": 0.65851}


def test_points_and_overlaps_are_in_different_groups():
    tasks = [("segmentation", SEGMENTATION, MASKS), ("keypoints", (APK, PCK), {"mean_apk": 9, "mean_pck": 0.8124})]
    (title, points), (_, overlaps) = groups(tasks, "detections from a file").items()
    assert [tile.value for tile in points] == ["54.0", "21.6", "60.5", "9.0"]
    assert [tile.value for tile in overlaps] == ["0.659", "0.812"]
    assert [tile.task for tile in overlaps] == ["segmentation", "keypoints"]
    assert "detections from a file" in title


def test_metrics_without_a_value_and_empty_groups_are_left_out():
    assert [len(tiles) for tiles in groups([("keypoints", (PCK,), {"mean_pck": 0.5})], "detections").values()] == [1]
    assert groups([("keypoints", (APK, PCK), {"mean_apk": None, "mean_pck": None})], "detections") == {}
    assert groups([], "detections") == {}
