"""All parameters: the sections together, read from `params.yaml` and checked."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError, model_validator

from pipeline.errors import InputError, choices, plain
from pipeline.parameters.backbone import LAYERS, BackboneParameters
from pipeline.parameters.boxes import DetectionParameters, ProposalParameters, RegionParameters
from pipeline.parameters.classifiers import AblateParameters, PredictParameters, TrainParameters
from pipeline.parameters.compute import ComputeParameters
from pipeline.parameters.dataset import DatasetParameters
from pipeline.parameters.results import EvaluateParameters, ReportParameters
from pipeline.parameters.section import Count, Section
from pipeline.parameters.tasks import KeypointParameters, PartParameters, SegmentationParameters, TaskParameters


class Parameters(Section):
    """All parameters."""

    seed: Count = 0
    tasks: tuple[str, ...] = ("segmentation", "keypoints", "parts")
    """segmentation, keypoints, parts: what is trained, predicted and evaluated; the annotations must have it."""
    dataset: DatasetParameters = DatasetParameters()
    proposals: ProposalParameters = ProposalParameters()
    backbone: BackboneParameters = BackboneParameters()
    detection: DetectionParameters = DetectionParameters()
    regions: RegionParameters = RegionParameters()
    train: TrainParameters = TrainParameters()
    predict: PredictParameters = PredictParameters()
    segmentation: SegmentationParameters = SegmentationParameters()
    keypoints: KeypointParameters = KeypointParameters()
    parts: PartParameters = PartParameters()
    evaluate: EvaluateParameters = EvaluateParameters()
    ablate: AblateParameters = AblateParameters()
    report: ReportParameters = ReportParameters()
    compute: ComputeParameters = ComputeParameters()

    @model_validator(mode="after")
    def _tasks_have_sections(self) -> "Parameters":
        known = [name for name, value in self if isinstance(value, TaskParameters)]
        unknown = [name for name in self.tasks if name not in known]
        if unknown or not self.tasks:
            raise ValueError(f"tasks is {list(self.tasks)}; choose at least one of {choices(known)}")
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError(f"tasks is {list(self.tasks)}; name each once")
        return self

    @model_validator(mode="after")
    def _ablated_grids_fit(self) -> "Parameters":
        most = self.train.heat_map
        for key, grids in (("grid", (self.ablate.grid,)), ("grids", self.ablate.grids)):
            if max(grids) > most:
                raise ValueError(
                    f"ablate.{key} has K = {max(grids)}, larger than the heat map of {most} locations; "
                    f"choose 1 to {most}"
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

    def of_task(self, name: str) -> TaskParameters:
        """The section of a task."""
        section: TaskParameters = getattr(self, name)
        return section

    @classmethod
    def load(cls, path: Path) -> "Parameters":
        """Read and check `params.yaml`.

        Raises
        ------
        InputError
            Naming the file, the key and the valid choices.
        """
        try:
            content = yaml.safe_load(path.read_text())
        except FileNotFoundError:
            raise InputError(f"{path} does not exist; run from the project's root or name it with --params.") from None
        except yaml.YAMLError as error:
            raise InputError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
        if content is None:
            content = {}
        if not isinstance(content, dict):
            raise InputError(f"{path} must hold sections ({choices(cls.model_fields)}), not {content!r}.")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise InputError(f"{path}: {_explain(error, cls)}") from None


def _explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem of a validation error in one sentence."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        section = _section(model, problem["loc"][:-1])
        where = ".".join(str(part) for part in problem["loc"][:-1]) or "the top level"
        return f"unknown key {key!r}; {where} knows {choices(section.model_fields)}."
    if problem["type"] == "value_error":
        return f"{problem['msg'].removeprefix('Value error, ')}."
    if problem["loc"][-1] == "[key]":
        table = ".".join(str(part) for part in problem["loc"][:-2])
        return f"{table}: the name {problem['input']!r} does not fit: {plain(problem)}."
    return f"{key} is {problem['input']!r}, which does not fit: {plain(problem)}."


def _section(model: type[BaseModel], location: tuple[Any, ...]) -> type[BaseModel]:
    for name in location:
        model = model.model_fields[name].annotation  # type: ignore[assignment]
    return model
