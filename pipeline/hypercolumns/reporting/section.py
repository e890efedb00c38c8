"""The interface between the page and the section of a task."""

from dataclasses import dataclass
from typing import Any, Protocol

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.result_fields import ResultField
from hypercolumns.annotations.results import Boxes, Results, read_results
from hypercolumns.parameters import Parameters
from hypercolumns.reporting.headline import Column
from hypercolumns.workspace import Workspace


@dataclass(frozen=True)
class SectionInputs:
    """Everything that the section of a task may show."""

    task: str
    result_field: ResultField
    workspace: Workspace
    parameters: Parameters
    val: AnnotationSet | None
    """None until `prepare` has run."""
    detections: str
    """Source of the detections, in words."""

    def results(self, boxes: Boxes) -> Results | None:
        """Read predictions of the task in val; None until they are written."""
        files = {"detections": self.workspace.predictions, "instances": self.workspace.ground_truth_predictions}
        path = files[boxes](self.task)
        return read_results(path, self.val, self.result_field, boxes) if self.val and path.exists() else None


class ReportSection(Protocol):
    """The part of the page that a task fills.

    Missing files are not an error: the template names the step that writes each of them.
    """

    @property
    def template(self) -> str:
        """Name of a template in `reporting/templates`, rendered with the result of `content`."""

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """Anchors in the template and their titles in the navigation, which links to those that are shown."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """Metrics at the top of the page; their keys are those of the `metrics` in `content`."""

    @property
    def glossary(self) -> tuple[tuple[str, str], ...]:
        """Terms and explanations at the end of the page; `{tolerance}` becomes `evaluate.apk_tolerance`."""

    def content(self, inputs: SectionInputs) -> dict[str, Any]:
        """Collect the values for the template.

        Among them must be `metrics`, None until the task is evaluated, and `shown`, the anchors of the parts of the
        section that have something to show or name the step that they wait for.

        Raises
        ------
        InputError
            If a file exists but is malformed.
        """
