"""Boxes: region proposals, detections, and the regions that become rows of the feature store."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hypercolumns.parameters.section import NO_FILE, Count, Passes, Penalty, Positive, Section, Share


class ProposalParameters(Section):
    """Region proposals from superpixel hierarchies."""

    max_per_image: Positive | None = 2000
    """Best-ranked proposals kept per image; null keeps all."""
    minimum_area: Positive = 100
    """Smallest proposal, in pixels: a smaller one cannot reach IoU .5 with an instance of 200 pixels. Ours."""
    suppression: Annotated[float, Field(gt=0, le=1)] = 0.8
    """A proposal whose box IoU with a better one exceeds this is kept only if there are too few others. Ours, tuned."""
    learning_images: Positive = 60
    """Training photographs, drawn at random, from which the ranking is learned. Ours."""
    longest_side: Annotated[int, Field(ge=64, le=65_536)] = 640
    """Photographs with a longer side, in pixels, are scaled down to this before segmentation. Ours."""
    superpixel_sigma: Annotated[float, Field(ge=0, le=100)] = 0.8
    """Gaussian blur before segmentation: its sigma in pixels. Felzenszwalb and Huttenlocher, 2004."""
    superpixel_scale: Annotated[float, Field(ge=1e-3, le=1e6)] = 50.0
    """Larger values give larger superpixels (k in the same paper, on Lab from 0 to 255). Ours, tuned."""
    superpixel_minimum: Positive = 40
    """Smallest superpixel, in pixels. Ours, tuned."""
    superpixel_maximum: Annotated[int, Field(ge=1, le=100_000)] = 1500
    """Most superpixels per image; a busier image is segmented with a larger minimum. Bounds memory. Ours."""


class DetectionParameters(Section):
    """Scored boxes in the photographs of val."""

    source: Literal["own", "file", "ground_truth"] = "own"
    """own (a detector trained here), file (boxes in `file`) or ground_truth (boxes of the instances)."""
    file: str = NO_FILE
    """COCO results (JSON) with boxes in val, for `source: file`. Must exist even when unused: DVC watches it."""
    max_per_image: Positive = 10
    """Best detections kept per image, also when they come from a file. Crowded photographs need more, about 20."""
    layers: Annotated[tuple[str, ...], Field(min_length=1)] = ("stage4", "stage6")
    """Layers of the backbone, from fine to coarse, that describe a box in both steps. Ours, measured."""
    short_side: Annotated[int, Field(ge=32, le=8192)] = 480
    """Photographs are scaled to this short side, in pixels, for the network. Ours, measured."""
    cells: Annotated[int, Field(ge=1, le=32)] = 3
    """Each layer is averaged over `cells` x `cells` cells of a box. Ours, measured."""
    context: Annotated[float, Field(ge=1, le=100)] = 1.8
    """Boxes are enlarged by this factor for the features of their surroundings. Ours."""
    positive_overlap: Annotated[float, Field(gt=0, le=1)] = 0.6
    """Proposals with at least this box IoU with an instance are positives of its category. Ours."""
    negative_overlap: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Proposals with a smaller box IoU with every instance are background. R-CNN."""
    training_regions: Positive = 40_000
    """Most regions kept in memory for training, equally many from each photograph. Ours, measured."""
    hard_negative_rounds: Annotated[int, Field(ge=0, le=100)] = 1
    """Rounds of training again with background that the classifiers mistake for objects."""
    penalty: Penalty = 3e-2
    """L2 penalty of the region classifiers on standardised features. Ours, measured."""
    iterations: Passes = 30
    """L-BFGS iterations per fit; stopping early also regularises."""
    regression_penalty: Annotated[float, Field(ge=1e-6, le=1e6)] | None = 1.0
    """L2 penalty of the bounding-box regression on standardised features; null leaves boxes unchanged. R-CNN."""
    suppression_overlap: Share = 0.3
    """A detection is dropped when its box IoU with a better one of its category exceeds this. R-CNN."""

    @property
    def training_images(self) -> int:
        """Most photographs that train. With fewer than 32 regions of each, none would remain for hard negatives."""
        return max(1, self.training_regions // 32)

    @model_validator(mode="after")
    def _file_is_named(self) -> "DetectionParameters":
        if self.source == "file" and self.file == NO_FILE:
            raise ValueError("detection.source is 'file', so detection.file must name a COCO results JSON")
        return self

    @model_validator(mode="after")
    def _overlaps_are_apart(self) -> "DetectionParameters":
        if self.negative_overlap > self.positive_overlap:
            raise ValueError(
                f"detection.negative_overlap is {self.negative_overlap}, larger than detection.positive_overlap "
                f"({self.positive_overlap}): a proposal could be background and object at once"
            )
        return self


class RescoringParameters(Section):
    """The second step of detection: the best boxes of a photograph pass the network alone and are scored again."""

    boxes_per_image: Count = 20
    """Boxes of each photograph of val that are scored again; 0 keeps the detector's scores. More take time. Ours."""
    suppression_overlap: Share = 0.6
    """A box that overlaps a better one by more than this IoU is not scored again, nor background in training. Ours."""
    input_size: Annotated[int, Field(ge=32, le=8192)] | None = None
    """Boxes are warped to squares of this side, in pixels; null: that of the backbone. Smaller ones take less time."""
    cells: Annotated[int, Field(ge=1, le=32)] = 3
    """Each layer of `detection` is averaged over `cells` x `cells` cells of the warped box. Ours, measured."""
    expansion: Annotated[float, Field(ge=1, le=4)] = 1.4
    """Boxes are enlarged by this factor before the network sees them. Ours, measured."""
    positive_per_instance: Count = 2
    """Boxes that train as positives of one instance, at most, besides its own."""
    partial_per_instance: Count = 2
    """Boxes that overlap an instance too little and train as background, at most."""
    background_per_image: Positive = 8
    """Other boxes of a training photograph that train as background, at most: those the detector scores highest."""
    penalty: Penalty = 3e-2
    """L2 penalty of the classifiers on standardised features. Ours, measured."""
    iterations: Passes = 40
    """L-BFGS iterations of the fit; stopping early also regularises."""
    regression_penalty: Annotated[float, Field(ge=1e-6, le=1e6)] | None = 1.0
    """L2 penalty of the bounding-box regression on standardised features; null leaves boxes unchanged. R-CNN."""


class RegionParameters(Section):
    """Boxes that become rows of the feature store."""

    expansion: Annotated[float, Field(ge=1, le=4)] = 1.2
    """Boxes are enlarged by this factor before the network sees them. Paper, expanded boxes."""
    mode: Literal["warp", "image"] = "warp"
    """warp: the network sees each region alone. image: it sees photographs once, and regions are cut from the maps."""
    short_side: Annotated[int, Field(ge=32, le=8192)] = 480
    """image: photographs are scaled to this short side, in pixels, for the network. Ours, measured."""
    overlap: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Proposals with at least this box IoU train for the instance they overlap most. Paper, training."""
    proposals_per_instance: Count = 1
    """Most proposals that train for one instance, best overlap first; the box of the instance always trains."""
    jittered_per_instance: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Copies of the box of each training instance with sides moved at random."""
    jitter: Share = 0.08
    """Farthest that a side moves, as a share of the width or height of the box."""
    mirrored: bool = False
    """Every region trains in a mirror too, in which left and right parts and keypoints change places. Ours."""
    minimum_area: Count = 100
    """Instances with fewer pixels do not train."""

    @model_validator(mode="after")
    def _mirrored_fits(self) -> "RegionParameters":
        if self.mirrored and self.mode == "image":
            raise ValueError(
                "regions.mirrored needs regions.mode warp: in mode image the network sees photographs once"
            )
        return self
