"""The figures at the top: every group has one scale, every figure of every task is in one."""

from hypercolumns.reporting.headline import SEGMENTATION, Column, Measured, groups

PCK = Column("mean_pck", "PCK", Measured.GROUND_TRUTH_BOXES)
APK = Column("mean_apk", "APK", Measured.DETECTIONS)
MASKS = {"ap_r_50": 54.04, "ap_r_70": 21.6, "ap_r_vol": None, "box_ap_50": 60.5, "mean_iou": 0.65851}


def test_points_and_overlaps_stand_apart():
    system, boxes = groups([("segmentation", SEGMENTATION, MASKS), ("keypoints", (APK, PCK), {"mean_apk": 9})], "own")
    assert [tile.value for tile in system.tiles] == ["54.0", "21.6", "\N{EN DASH}", "60.5", "9.0"]
    assert [tile.value for tile in boxes.tiles] == ["0.659", *3 * ["\N{EN DASH}"]]
    assert [tile.task for tile in boxes.tiles] == ["segmentation"] * 3 + ["keypoints"]
    assert system.title.startswith("Own")


def test_a_group_without_figures_is_left_out():
    assert [len(group.tiles) for group in groups([("keypoints", (PCK,), {"mean_pck": 0.5})], "own detections")] == [1]
    assert groups([], "own detections") == []
