"""The task of labelling parts. Paper, section 4.3."""

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
    """Create the task for an annotation set."""
    from hypercolumns.tasks.parts import PartTask

    return PartTask(annotations, parameters.predict)


def judge(truth: AnnotationSet, answers: "Answers", parameters: Parameters) -> "Judgement":
    """Evaluate predictions against `truth`."""
    from hypercolumns.evaluation.parts import judge_parts

    return judge_parts(truth, answers, parameters)


def section() -> "ReportSection":
    """Create the section of the report."""
    from markupsafe import Markup

    from hypercolumns.reporting import pairs
    from hypercolumns.reporting.headline import Column, Measured
    from hypercolumns.reporting.table_section import TableSection

    return TableSection(
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


DEFINITION = TaskDefinition(
    name="parts",
    parameters=PartParameters,
    is_annotated=lambda category: bool(category.parts),
    answer=PARTS,
    create=create,
    judge=judge,
    section=section,
)
