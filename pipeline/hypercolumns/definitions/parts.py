"""Part labels. Paper, section 4.3."""

from typing import TYPE_CHECKING

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.result_fields import PARTS
from hypercolumns.definitions.definition import TaskDefinition
from hypercolumns.parameters import Parameters, PartParameters

if TYPE_CHECKING:
    from hypercolumns.evaluation.judgement import Answers, Judgement
    from hypercolumns.reporting.section import ReportSection
    from hypercolumns.tasks.task import Task


def create(annotations: AnnotationSet, parameters: Parameters) -> "Task":
    """See `TaskDefinition.create`."""
    from hypercolumns.tasks.parts import PartTask

    return PartTask(annotations, parameters.predict)


def judge(truth: AnnotationSet, answers: "Answers", parameters: Parameters) -> "Judgement":
    """See `TaskDefinition.judge`."""
    from hypercolumns.evaluation.parts import judge_parts

    return judge_parts(truth, answers, parameters)


def section() -> "ReportSection":
    """See `TaskDefinition.section`."""
    from markupsafe import Markup

    from hypercolumns.reporting import pairs
    from hypercolumns.reporting.headline import Column, Measured
    from hypercolumns.reporting.table_section import TableSection

    return TableSection(
        name="parts",
        title="Parts",
        intro="One heat map per part; inside the predicted mask the hottest part is the label.",
        caption="AP of {detections} in points of 0 to 100, where a pixel counts only with the right part label; part "
        "IoU and pixel accuracy in ground-truth boxes from 0 to 1. Below, left the true parts, right those predicted "
        "in the same ground-truth box; the number is the overlap of the labels.",
        columns=(
            Column("ap_r_part_50", "AP of parts .5", Measured.DETECTIONS),
            Column("mean_part_iou", "mean part IoU", Measured.GROUND_TRUTH_BOXES),
            Column("pixel_accuracy", "pixel accuracy", Measured.GROUND_TRUTH_BOXES),
        ),
        pictures=pairs.PARTS,
        glossary=(
            (
                "AP of parts, part IoU",
                Markup(
                    "As AP<sup>r</sup>, with an overlap that counts only the pixels with the right part label. Part "
                    "IoU divides the pixels of a part over all boxes together; pixel accuracy is the share of the "
                    "parts' pixels with the right label."
                ),
            ),
        ),
    )


DEFINITION = TaskDefinition(
    name="parts",
    parameters=PartParameters,
    is_annotated=lambda category: bool(category.parts),
    answer=PARTS,
    create=create,
    judge=judge,
    section=section,
)
