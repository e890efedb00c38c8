"""Keypoints. Paper, section 4.2."""

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
    """See `TaskDefinition.create`."""
    from hypercolumns.tasks.keypoints import KeypointTask

    settings = parameters.task_section("keypoints")
    assert isinstance(settings, KeypointParameters)  # noqa: S101 - registered below
    return KeypointTask(annotations, settings)


def judge(truth: AnnotationSet, answers: "Answers", parameters: Parameters) -> "Judgement":
    """See `TaskDefinition.judge`."""
    from hypercolumns.evaluation.keypoints import judge_keypoints

    return judge_keypoints(truth, answers, parameters)


def section() -> "ReportSection":
    """See `TaskDefinition.section`."""
    from hypercolumns.reporting import pairs
    from hypercolumns.reporting.headline import Column, Measured
    from hypercolumns.reporting.table_section import TableSection

    return TableSection(
        name="keypoints",
        title="Keypoints",
        intro="One heat map per keypoint; its peak is the answer.",
        caption="APK of {detections} in points of 0 to 100, PCK in ground-truth boxes from 0 to 1: a keypoint is right "
        "within {tolerance} torso heights. Below, left the true keypoints, right those predicted in the same "
        "ground-truth box; the number is the share that is right.",
        columns=(
            Column("mean_apk", "APK", Measured.DETECTIONS),
            Column("mean_pck", "PCK", Measured.GROUND_TRUTH_BOXES),
        ),
        pictures=pairs.KEYPOINTS,
        glossary=(
            (
                "APK, PCK",
                "Average precision of keypoints: of each keypoint, all its hypotheses in all detections, right within "
                "{tolerance} torso heights of a keypoint that no better-scored one has claimed. Percentage of correct "
                "keypoints: the share that is right when the box is given. Both are means over keypoints.",
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
