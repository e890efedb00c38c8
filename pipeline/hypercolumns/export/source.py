"""What an export is made from, collected from the files of the pipeline."""

from dataclasses import dataclass
from pathlib import Path

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import Backbone, create_backbone
from hypercolumns.definitions import create_task
from hypercolumns.errors import InputError
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.scoring import Blending
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Workspace


@dataclass(frozen=True)
class ExportedCategory:
    """A category that the grids answer for."""

    id: int
    name: str
    group: str
    """Name of the group of categories whose grid answers."""
    targets: tuple[str, ...]
    """Targets that the category has; heat maps of other targets mean nothing for it."""


@dataclass(frozen=True)
class ExportSource:
    """The grids of a task, the network they were trained on, and how the pipeline uses both."""

    task: str
    model: GridModel
    backbone: Backbone
    categories: tuple[ExportedCategory, ...]
    """By ascending id."""
    expansion: float
    """Factor by which boxes are enlarged."""
    is_warped: bool
    """Whether the network saw warped regions (`regions.mode: warp`), not whole photographs."""
    blending: Blending
    threshold: float
    """Heat that the mask of the figure must exceed."""


def collect(
    parameters: Parameters, workspace: Workspace, task: str, model_path: Path | str | None = None
) -> ExportSource:
    """Collect what an export of a task is made from.

    Parameters
    ----------
    model_path
        Store of the trained grids; None for their place in the workspace.

    Raises
    ------
    InputError
        If the task is unknown, a file is missing or damaged, or the model or the network that `parameters` describe is
        not the one of the train store.
    """
    annotations = AnnotationSet.load(workspace.annotations("train"))
    created = create_task(task, annotations, parameters)
    path = workspace.model(task) if model_path is None else Path(model_path)
    model = GridModel.open(path)
    if model.targets != created.targets:
        raise InputError(
            f"{path} was trained for the targets {', '.join(model.targets)}, but the task {task} has "
            f"{', '.join(created.targets)} in {workspace.annotations('train')}; name the task that it was trained for."
        )
    names = {category.id: category.name for category in annotations.categories}
    if unknown := sorted(set(model.group_of_category) - set(names)):
        raise InputError(
            f"{path} answers for the categories {', '.join(map(str, unknown))}, which {workspace.annotations('train')} "
            f"does not have; run prepare and train with the same data set."
        )
    store = FeatureStore.open(workspace.features("train"))
    backbone = create_backbone(parameters.backbone, parameters.seed)
    _check_network(store, backbone)
    categories = tuple(
        ExportedCategory(
            id=category,
            name=names[category],
            group=model.groups[model.group_of_category[category]],
            targets=tuple(created.targets[index] for index in created.targets_of(category)),
        )
        for category in sorted(model.group_of_category)
    )
    return ExportSource(
        task=task,
        model=model,
        backbone=backbone,
        categories=categories,
        expansion=float(store.attributes["expansion"]),
        is_warped=store.attributes["preprocessing"]["mode"] == "warp",
        blending=parameters.predict.blending,
        threshold=parameters.predict.threshold,
    )


def _check_network(store: FeatureStore, backbone: Backbone) -> None:
    """Refuse another network than the one that computed the train store."""
    attributes = store.attributes
    described = {
        "backbone": (attributes["backbone"], backbone.name),
        "sha256 of the weights": (attributes["weights_sha256"], backbone.weights_sha256),
        "input size": (attributes["preprocessing"]["input_size"], backbone.input_size),
    }
    for name, (stored, made) in described.items():
        if stored != made:
            raise InputError(
                f"The {name} of {store.path}, on which the grids were trained, is {stored}, but that of the network in "
                f"the parameters is {made}. Restore the section `backbone` of the parameters, or run the pipeline "
                f"again."
            )
