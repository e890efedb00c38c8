"""Where boxes come from: candidates, detections, and those that become rows of the feature store."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hypercolumns.parameters.section import NO_FILE, Count, Positive, Section, Share


class ProposalParameters(Section):
    """Region candidates from superpixel hierarchies."""

    max_per_image: Positive | None = 2000
    """Best-ranked candidates kept per image; null keeps all."""
    minimum_area: Positive = 100
    """Smaller candidates, in pixels, are not made: they cannot reach IoU .5 with an instance of 200 pixels. Ours."""
    suppression: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Candidates with a larger box IoU with a better one are passed over while there are others. Ours, tuned."""
    learning_images: Positive = 60
    """Training photographs, drawn at random, that the ranking of candidates is learned from. Ours."""
    longest_side: Annotated[int, Field(ge=64)] = 640
    """Larger photographs are segmented at this size, in pixels. Ours."""
    superpixel_sigma: Annotated[float, Field(ge=0)] = 0.8
    """Gaussian blur before segmentation, in pixels. Felzenszwalb and Huttenlocher, 2004."""
    superpixel_scale: Annotated[float, Field(gt=0)] = 50.0
    """Larger values merge more readily (their k, on Lab of 0 .. 255). Ours, tuned."""
    superpixel_minimum: Positive = 40
    """Fewest pixels of a superpixel. Ours, tuned."""
    superpixel_maximum: Positive = 1500
    """Most superpixels of an image; busier ones are segmented with a larger minimum. Bounds memory; ours."""


class DetectionParameters(Section):
    """Scored boxes on the evaluated images."""

    source: Literal["own", "file", "ground_truth"] = "own"
    file: str = NO_FILE
    """COCO results (JSON) with boxes of val, for `source: file`. Always a file, so that DVC can watch it."""
    max_per_image: Positive = 10
    """Detections kept per image, best first; of those in a file too. Crowded photographs want more, say 20."""
    layers: Annotated[tuple[str, ...], Field(min_length=1)] = ("stage4", "stage6")
    """Layers of the backbone, from fine to coarse, whose maps describe a region. Ours, measured."""
    short_side: Annotated[int, Field(ge=32)] = 480
    """Photographs are scaled to this before the network sees them whole. Ours, measured."""
    cells: Positive = 3
    """Layers are averaged over `cells` x `cells` parts of a box. Ours, measured."""
    context: Annotated[float, Field(ge=1)] = 1.8
    """Both sides of a box are scaled by this for the features of its surroundings. Ours."""
    positive_overlap: Annotated[float, Field(gt=0, le=1)] = 0.6
    """Candidates with at least this box IoU with an instance are examples of its category. Ours."""
    negative_overlap: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Candidates whose IoU with every instance is smaller are background. R-CNN."""
    training_regions: Positive = 40_000
    """Examples kept in memory for training, the same share of every photograph. Ours, measured."""
    hard_negative_rounds: Count = 1
    """How often background that the classifiers take for objects is added to the examples."""
    penalty: Annotated[float, Field(ge=0)] = 3e-2
    """L2 penalty of the region classifiers on standardised features. Ours, measured."""
    iterations: Positive = 30
    """L-BFGS iterations of each fit; stopping early regularises too."""
    regression_penalty: Annotated[float, Field(gt=0)] | None = 1.0
    """L2 penalty of the bounding-box regression on standardised features; null leaves boxes as they are. R-CNN."""
    suppression_overlap: Share = 0.3
    """A detection goes when its IoU with a better one of its category exceeds this. R-CNN."""

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
                f"({self.positive_overlap}): candidates would be background and object at once"
            )
        return self


class RegionParameters(Section):
    """Which boxes become rows of the feature store."""

    expansion: Annotated[float, Field(ge=1, le=4)] = 1.2
    """Both sides of a box are scaled by this before the network sees it. Paper, expanded boxes."""
    mode: Literal["warp", "image"] = "warp"
    """warp: the network sees each region alone. image: each photograph once, regions are cut out of its maps."""
    short_side: Annotated[int, Field(ge=32)] = 480
    """mode image: photographs are scaled to this before the network sees them whole. Ours, measured."""
    overlap: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Candidates with at least this box IoU with an instance train, matched to the best. Paper, training."""
    proposals_per_instance: Count = 1
    """Best overlapping candidates per training instance; its own box always trains."""
    jittered_per_instance: Count = 0
    """Copies of each training instance's box with moved sides."""
    jitter: Share = 0.08
    """How far sides move, as a share of the box's width and height."""
    minimum_area: Count = 100
    """Instances of fewer pixels do not train."""
