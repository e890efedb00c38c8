"""The tables and pictures of keypoints and parts in the report."""

from markupsafe import Markup

from hypercolumns.reporting import pairs
from hypercolumns.reporting.headline import Column, Measured
from hypercolumns.reporting.table_section import TableSection

KEYPOINTS = TableSection(
    name="keypoints",
    title="Keypoints",
    intro="One heat map per keypoint; its peak is the predicted location.",
    caption="APK is measured on {detections}, in points from 0 to 100; PCK in ground-truth boxes, from 0 to 1. A "
    "keypoint is correct within {tolerance} torso heights. The pictures show the true keypoints on the left and "
    "those predicted in the same ground-truth box on the right, with the share that is correct.",
    columns=(
        Column("mean_apk", "APK", Measured.DETECTIONS),
        Column("mean_pck", "PCK", Measured.GROUND_TRUTH_BOXES),
    ),
    pictures=pairs.KEYPOINTS,
    glossary=(
        (
            "APK, PCK",
            "APK is the average precision of keypoints over all detections: a hypothesis is correct when it lies "
            "within {tolerance} torso heights of a true keypoint that no better-scored hypothesis has claimed. "
            "PCK, the percentage of correct keypoints, is the share located correctly in ground-truth boxes. "
            "Both are computed for each keypoint and averaged.",
        ),
    ),
)

PARTS = TableSection(
    name="parts",
    title="Parts",
    intro="One heat map per part; each pixel of the predicted mask is labelled with its hottest part.",
    caption=Markup(
        "AP<sup>r</sup><sub>part</sub> is measured on {detections}, in points from 0 to 100; part IoU and pixel "
        "accuracy in ground-truth boxes, from 0 to 1. The pictures show the true parts on the left and those "
        "predicted in the same ground-truth box on the right, with the overlap of the labels."
    ),
    columns=(
        Column("ap_r_part_50", Markup("AP<sup>r</sup><sub>part</sub> .5"), Measured.DETECTIONS),
        Column("mean_part_iou", "mean part IoU", Measured.GROUND_TRUTH_BOXES),
        Column("pixel_accuracy", "pixel accuracy", Measured.GROUND_TRUTH_BOXES),
    ),
    pictures=pairs.PARTS,
    glossary=(
        (
            Markup("AP<sup>r</sup><sub>part</sub>, part IoU"),
            Markup(
                "AP<sup>r</sup><sub>part</sub> is AP<sup>r</sup> with an overlap that counts only pixels with the "
                "correct part label. Part IoU is the intersection over union of a part, summed over all boxes; "
                "pixel accuracy is the share of all pixels of parts that have the correct label."
            ),
        ),
    ),
)
