"""What the page needs of a task: a template, the figures for the top of the page, and what the template shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.result_fields import ResultField
from hypercolumns.parameters import Parameters
from hypercolumns.reporting.headline import Column
from hypercolumns.workspace import Workspace


@dataclass(frozen=True)
class SectionInputs:
    """Everything the section of one task may show."""

    task: str
    answer: ResultField
    workspace: Workspace
    parameters: Parameters
    val: AnnotationSet | None
    """None while `prepare` has not run."""
    detections: str
    """What the detections are, in words."""


class ReportSection(Protocol):
    """The part of the page that a task fills. A file that is missing is no error: the template says which step writes
    it."""

    @property
    def template(self) -> str:
        """Name of a template in `reporting/templates`, rendered with the names that `content` gives."""

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """Anchors in the template and their titles, for the navigation."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The figures at the top of the page."""

    @property
    def glossary(self) -> tuple[tuple[str, str], ...]:
        """Terms and explanations for the end of the page; `{tolerance}` becomes that of keypoints."""

    def content(self, inputs: SectionInputs) -> dict[str, Any]:
        """Names for the template; `metrics` is None while the task has not been evaluated.

        Raises
        ------
        InputError
            When a file is there but is not what its step writes.
        """

    def headline(self, metrics: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values of `columns` by their keys."""
