"""Grids of classifiers: how they are trained, how they answer, and which are compared."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hypercolumns.parameters.section import Positive, Section


class TrainParameters(Section):
    """K x K grids of logistic regressions."""

    grid: Positive = 5
    """K: classifiers per side of the box."""
    heat_map: Positive = 50
    """Locations per side of a heat map. Paper, section 3."""
    solver: Literal["sgd", "exact"] = "exact"
    """scikit-learn's SGDClassifier on sampled pixels, or the optimum on every pixel."""
    alpha: Annotated[float, Field(gt=0)] = 1e-4
    """L2 penalty on standardised hypercolumns: mean log loss + alpha / 2 |weights|^2."""
    pixels_per_region: Positive = 100
    """sgd: training pixels drawn per region, evenly over the cells, at least one in each."""
    epochs: Positive = 5
    """sgd: passes over the drawn pixels."""
    tolerance: Annotated[float, Field(gt=0)] = 3e-4
    """exact: no entry of the mean loss's gradient is larger at the end."""
    fusion: Literal["joint", "per_block"] = "joint"
    """One classifier on all layers, or one per layer whose calibrated logits are added."""
    sharing: Literal["auto", "shared", "per_category"] = "auto"
    """One grid for all categories, one each, or one each where there are `sharing_minimum` regions."""
    sharing_minimum: Positive = 500

    @model_validator(mode="after")
    def _grid_fits(self) -> "TrainParameters":
        if self.grid > self.heat_map:
            raise ValueError(
                f"train.grid is {self.grid}, larger than the heat map of {self.heat_map} locations; "
                f"choose 1 to {self.heat_map}"
            )
        return self


class PredictParameters(Section):
    """From heat maps to masks."""

    blending: Literal["probability", "logit"] = "probability"
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.4
    """A pixel (or superpixel) whose heat exceeds this belongs to the object."""
    superpixels: bool = False
    """Project heat maps onto superpixels by their mean heat. Paper, section 4.1, System 1."""


class AblateParameters(Section):
    """What is compared on ground-truth boxes; every layer alone and all but one are always tried."""

    grid: Positive = 5
    """K while layers are left out."""
    grids: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1, 2, 5, 10)
    """K tried with all layers."""
