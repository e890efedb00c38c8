"""The task of finding keypoints. Paper, section 4.2."""

from typing import TYPE_CHECKING

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.result_fields import KEYPOINTS
from hypercolumns.definitions.definition import TaskDefinition
from hypercolumns.parameters import KeypointParameters, Parameters

if TYPE_CHECKING:
    from hypercolumns.evaluation.judgement import Answers, Judgement
    from hypercolumns.reporting.section import ReportSection
    from hypercolumns.tasks.task import Task


def create(annotations: AnnotationSet, parameters: Parameters) -> "Task":
    """Create the task for an annotation set."""
    from hypercolumns.tasks.keypoints import KeypointTask

    settings = parameters.task_section("keypoints")
    assert isinstance(settings, KeypointParameters)  # noqa: S101 - registered below
    return KeypointTask(annotations, settings)


def judge(truth: AnnotationSet, answers: "Answers", parameters: Parameters) -> "Judgement":
    """Evaluate predictions against `truth`."""
    from hypercolumns.evaluation.keypoints import judge_keypoints

    return judge_keypoints(truth, answers, parameters)


def section() -> "ReportSection":
    """Create the section of the report."""
    from hypercolumns.reporting import pairs
    from hypercolumns.reporting.headline import Column, Measured
    from hypercolumns.reporting.table_section import TableSection

    return TableSection(
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


DEFINITION = TaskDefinition(
    name="keypoints",
    parameters=KeypointParameters,
    is_annotated=lambda category: bool(category.keypoints),
    answer=KEYPOINTS,
    create=create,
    judge=judge,
    section=section,
)
