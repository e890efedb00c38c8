"""Contents of an export, collected from a bundle."""

from dataclasses import dataclass

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import Backbone
from hypercolumns.bundle.bundle import Bundle
from hypercolumns.definitions import create_task
from hypercolumns.errors import InputError, choices
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.scoring import Blending


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


def collect(bundle: Bundle, task: str) -> ExportSource:
    """Collect what an export of a task is made from.

    Raises
    ------
    InputError
        If the bundle has no such task.
    """
    if task not in bundle.grids:
        raise InputError(f"The model has no task {task!r}; it has {choices(bundle.grids)}.")
    model, parameters = bundle.grids[task], bundle.parameters
    created = create_task(task, AnnotationSet((), bundle.categories, (), ""), parameters)
    names = {category.id: category.name for category in bundle.categories}
    categories = tuple(
        ExportedCategory(
            id=category,
            name=names[category],
            group=model.groups[model.group_of_category[category]],
            targets=tuple(created.targets[index] for index in created.targets_of(category)),
        )
        for category in sorted(model.group_of_category)
    )
    regions = bundle.manifest.regions
    return ExportSource(
        task=task,
        model=model,
        backbone=bundle.backbone,
        categories=categories,
        expansion=regions.expansion,
        is_warped=regions.mode == "warp",
        blending=parameters.predict.blending,
        threshold=parameters.predict.threshold,
    )
