"""Grids of classifiers: how they are trained, how they predict, and which are compared."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hypercolumns.parameters.section import Passes, Positive, PositivePenalty, Section, Share


class TrainParameters(Section):
    """K x K grids of logistic regressions."""

    grid: Positive = 5
    """K: classifiers per side of the box."""
    heat_map: Annotated[int, Field(ge=1, le=500)] = 50
    """Locations per side of a heat map. Paper, section 3."""
    solver: Literal["sgd", "exact"] = "exact"
    """exact: the optimum on all pixels. sgd: scikit-learn's SGDClassifier on sampled pixels."""
    alpha: PositivePenalty = 1e-4
    """L2 penalty on standardised hypercolumns; the loss is mean log loss + alpha / 2 |weights|^2."""
    pixels_per_region: Positive = 100
    """sgd: pixels sampled per region, evenly over the cells, at least one in each."""
    epochs: Passes = 5
    """sgd: passes over the sampled pixels."""
    tolerance: Annotated[float, Field(ge=1e-12, le=1)] = 3e-4
    """exact: stop when no entry of the gradient of the loss is larger than this."""
    fusion: Literal["joint", "per_block"] = "joint"
    """joint: one classifier on all layers. per_block: one per layer, with their calibrated logits added."""
    sharing: Literal["auto", "shared", "per_category", "adapted"] = "auto"
    """shared: one grid. per_category, adapted: one for each category. auto: for those of `sharing_minimum` regions."""
    sharing_minimum: Positive = 500
    """auto: training regions that a category needs for a grid to itself; mirrored ones do not count."""
    adaptation: PositivePenalty = 1e-4
    """adapted (exact, joint): L2 penalty on what a category adds to shared weights, divided by its share of regions."""

    @model_validator(mode="after")
    def _grid_fits(self) -> "TrainParameters":
        if self.grid > self.heat_map:
            raise ValueError(
                f"train.grid is {self.grid}, larger than the heat map of {self.heat_map} locations; "
                f"choose 1 to {self.heat_map}"
            )
        return self

    @model_validator(mode="after")
    def _sharing_fits(self) -> "TrainParameters":
        if self.sharing == "adapted" and (self.solver, self.fusion) != ("exact", "joint"):
            raise ValueError(
                f"train.sharing is 'adapted', which needs train.solver exact and train.fusion joint, not {self.solver} "
                f"and {self.fusion}; change them, or choose auto, shared or per_category"
            )
        return self


class PredictParameters(Section):
    """How the grid is interpolated, and how heat maps become masks."""

    blending: Literal["probability", "logit"] = "probability"
    """probability or logit: the output of the classifiers that is interpolated between cells."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.4
    """A pixel belongs to the object when its heat exceeds this."""
    superpixels: Share = 0.3
    """Weight of a superpixel's mean heat in its pixels; 1 is System 1 of the paper (section 4.1). Default ours."""
    overlap_weight: Annotated[float, Field(ge=0, lt=1)] = 0.67
    """Weight of a mask's expected IoU in the score of its detection; 0 keeps the score of the box. Ours, measured."""


class AblateParameters(Section):
    """Comparison in ground-truth boxes: layers alone, all but one, all with several K. `adapted` counts as auto."""

    grid: Positive = 5
    """K when layers are left out, here and in the baselines."""
    grids: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1, 2, 5, 10)
    """Values of K tried with all layers."""
