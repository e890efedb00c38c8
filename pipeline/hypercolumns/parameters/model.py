"""All parameters, read from `params.yaml` and checked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model, model_validator

from hypercolumns.errors import InputError, choices, explain
from hypercolumns.parameters.backbone import LAYERS, BackboneParameters
from hypercolumns.parameters.boxes import (
    DetectionParameters,
    ProposalParameters,
    RegionParameters,
    RescoringParameters,
)
from hypercolumns.parameters.classifiers import AblateParameters, PredictParameters, TrainParameters
from hypercolumns.parameters.compute import ComputeParameters
from hypercolumns.parameters.dataset import DatasetParameters
from hypercolumns.parameters.ranges import range_in_words
from hypercolumns.parameters.results import EvaluateParameters, ReportParameters
from hypercolumns.parameters.section import TOO_LARGE, Section, Seed
from hypercolumns.parameters.tasks import TASK_SECTIONS, TaskParameters
from hypercolumns.parameters.yaml_file import read_yaml


class Parameters(Section):
    """All parameters of the pipeline.

    Besides the sections below, every task in `TASK_SECTIONS` has one under its name: see `task_section`.

    Examples
    --------
    >>> Parameters.model_validate({"train": {"grid": 10}, "keypoints": {"radius": 0.1}}).task_section("keypoints")
    KeypointParameters(baselines=True, radius=0.1, hypotheses=1)
    """

    model_config = ConfigDict(extra="allow")

    seed: Seed = 0
    """Seed of all random draws."""
    tasks: tuple[str, ...] = ("segmentation", "keypoints", "parts")
    """Tasks to train, predict and evaluate: segmentation, keypoints, parts. The data set must be annotated for each."""
    dataset: DatasetParameters = DatasetParameters()
    proposals: ProposalParameters = ProposalParameters()
    backbone: BackboneParameters = BackboneParameters()
    detection: DetectionParameters = DetectionParameters()
    rescoring: RescoringParameters = RescoringParameters()
    regions: RegionParameters = RegionParameters()
    train: TrainParameters = TrainParameters()
    predict: PredictParameters = PredictParameters()
    evaluate: EvaluateParameters = EvaluateParameters()
    ablate: AblateParameters = AblateParameters()
    report: ReportParameters = ReportParameters()
    compute: ComputeParameters = ComputeParameters()

    @model_validator(mode="after")
    def _task_sections_are_complete(self) -> "Parameters":
        given = self.__pydantic_extra__ or {}
        unknown = [name for name in given if name not in TASK_SECTIONS]
        if unknown:
            raise ValueError(f"unknown key {unknown[0]!r}; the top level knows {_sections()}")
        sections: dict[str, Any] = {name: (section, section()) for name, section in TASK_SECTIONS.items()}
        model = create_model("TaskSections", **sections)
        try:
            self.__pydantic_extra__ = dict(model.model_validate(given))
        except ValidationError as error:
            raise ValueError(_first_problem(error, model).removesuffix(".")) from None
        return self

    @model_validator(mode="after")
    def _tasks_are_known(self) -> "Parameters":
        if not self.tasks or not set(self.tasks) <= set(TASK_SECTIONS):
            raise ValueError(f"tasks is {list(self.tasks)}; choose at least one of {choices(TASK_SECTIONS)}")
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError(f"tasks is {list(self.tasks)}; name each once")
        return self

    @model_validator(mode="after")
    def _ablated_grids_fit(self) -> "Parameters":
        limit = self.train.heat_map
        for key, grids in (("grid", (self.ablate.grid,)), ("grids", self.ablate.grids)):
            if max(grids) > limit:
                raise ValueError(
                    f"ablate.{key} has K = {max(grids)}, larger than the heat map of {limit} locations; "
                    f"choose 1 to {limit}"
                )
        return self

    @model_validator(mode="after")
    def _layers_are_known(self) -> "Parameters":
        name, used = self.backbone.name, {"backbone": self.backbone.layers}
        if self.detection.source == "own":
            used["detection"] = self.detection.layers
        for section, layers in used.items():
            known = LAYERS.get(name, layers)
            unknown = [layer for layer in layers if layer not in known]
            if unknown:
                raise ValueError(
                    f"{section}.layers: {name} has no layer {unknown[0]!r}; choose among {', '.join(known)}"
                )
            ordered = [layer for layer in known if layer in layers]
            if list(layers) != ordered:
                raise ValueError(
                    f"{section}.layers is [{', '.join(layers)}]; name each once, from fine to coarse: "
                    f"[{', '.join(ordered)}]"
                )
        return self

    @property
    def rescores(self) -> bool:
        """Whether detection has a second step."""
        return self.detection.source == "own" and self.rescoring.boxes_per_image > 0

    def task_section(self, name: str) -> Any:
        """Return the parameters of a registered task, an instance of the class of its section.

        Raises
        ------
        InputError
            If no task of that name is registered.
        """
        sections: dict[str, TaskParameters] = self.__pydantic_extra__ or {}
        if name not in sections:
            raise InputError(f"There is no task {name!r}; choose {choices(sections)}.")
        return sections[name]

    @classmethod
    def load(cls, path: Path | str) -> "Parameters":
        """Read and check `params.yaml`.

        Raises
        ------
        InputError
            If the file is missing or invalid; names the file, the key and the valid choices.
        """
        content = read_yaml(Path(path))
        if not isinstance(content, dict | None):
            raise InputError(f"{path} must be a mapping of sections ({_sections()}), not {content!r}.")
        return cls.of(content or {}, str(path))

    @classmethod
    def of(cls, content: Mapping[str, Any], source: str) -> "Parameters":
        """Check parameters that were read from `source`.

        Raises
        ------
        InputError
            If they are invalid; names the source, the key and the valid choices.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise InputError(f"{source}: {_first_problem(error, cls)}") from None


_OUT_OF_RANGE = {
    "greater_than",
    "greater_than_equal",
    "less_than",
    "less_than_equal",
    "finite_number",
    "int_parsing_size",
}
"""Types of pydantic's errors about numbers."""


def _sections() -> str:
    return choices([*Parameters.model_fields, *TASK_SECTIONS])


def _first_problem(error: ValidationError, model: type[BaseModel]) -> str:
    """Describe the first problem of a validation error in one sentence."""
    problem = error.errors()[0]
    location = problem["loc"]
    key, section = _dotted(location), _dotted(location[:-1])
    if problem["type"] == "extra_forbidden":
        for name in location[:-1]:
            model = model.model_fields[name].annotation  # type: ignore[assignment, index]
        return f"unknown key {key!r}; {section} knows {choices(model.model_fields)}."
    if problem["type"] == "value_error":
        return f"{problem['msg'].removeprefix('Value error, ')}."
    if location[-1] == "[key]":
        return f"{_dotted(location[:-2])} has the name {problem['input']!r}; {explain(problem)}."
    value = "null" if problem["input"] is None else repr(problem["input"])
    if problem["type"] in _OUT_OF_RANGE or problem["msg"] == TOO_LARGE:
        allowed = _range(model, location)
        return f"{key} is {value}; {f'it must be {allowed}' if allowed else explain(problem)}."
    return f"{key} is {value}; {explain(problem)}."


def _range(model: type[BaseModel], location: tuple[Any, ...]) -> str:
    """Word the range of a number, given its place; empty if it has none."""
    annotation: Any = model
    metadata: Sequence[Any] = ()
    for name in location:
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break  # an entry of a list
        field = annotation.model_fields[name]
        annotation, metadata = field.annotation, field.metadata
    return range_in_words(annotation, metadata)


def _dotted(location: tuple[Any, ...]) -> str:
    return ".".join(map(str, location))
