"""The parameters of the whole pipeline: one typed model that reads `params.yaml`; defaults live here only."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import InputError, choices

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]

NO_FILE = "data/source/README.md"
"""Stands where no file is named: DVC can only depend on files that exist."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class PuppetsParameters(_Section):
    """The embedded data set: how many scenes to draw."""

    train_images: Positive = 120
    val_images: Positive = 60
    width: Annotated[int, Field(ge=96)] = 320
    height: Annotated[int, Field(ge=96)] = 240


class DatasetParameters(_Section):
    """Which photographs and annotations, and which of them."""

    format: Literal["puppets", "voc", "sbd", "coco", "pascal_part"] = "puppets"
    root: str = "data/source"
    """Folder of the data set; not used by `puppets`."""
    train: str = "train"
    """voc, sbd: name of the image set. coco: annotation file below `root`."""
    val: str = "val"
    images: str = "JPEGImages"
    """coco: folder of the photographs below `root`."""
    val_images: str | None = None
    """coco: folder of the val photographs below `root`, where it is another one; None: `images`."""
    train_list: str | None = None
    """coco, pascal_part: text file below `root` with the stems of the images to use, one a line; None uses all."""
    val_list: str | None = None
    categories: tuple[str, ...] = ()
    """Keep only these categories; empty keeps all."""
    minimum_area: Count = 0
    """Instances of fewer pixels are marked difficult: they neither train nor count."""
    parts_of: str | None = None
    """coco: the file's categories are parts of one object of this category per image; None: they are objects."""
    part_names: dict[str, tuple[str, ...]] = {}
    """Parts merged: new name: [names in the data set, or patterns like "[lr]ear"]; those under "none" are left out."""
    keypoints: str | None = None
    """Below `root`: COCO file with keypoints, or folder of VOC person keypoints (xml), for instances without any."""
    val_keypoints: str | None = None
    """Those of the val photographs, where they are others; None: `keypoints`."""
    keypoint_names: dict[str, str] = {}
    """Keypoints chosen: new name: name in the data set; empty keeps all."""
    skip_bad: bool = False
    """Leave out and count malformed objects and parts instead of ending with an error."""
    puppets: PuppetsParameters = PuppetsParameters()

    @model_validator(mode="after")
    def _sources_fit(self) -> "DatasetParameters":
        if self.val_keypoints is not None and self.keypoints is None:
            raise ValueError("dataset.val_keypoints needs dataset.keypoints, those of the training photographs")
        if self.parts_of is not None and self.format != "coco":
            raise ValueError(f"dataset.parts_of needs dataset.format coco, not {self.format}")
        return self


class ProposalParameters(_Section):
    """Region candidates from superpixel hierarchies."""

    max_per_image: Positive | None = 2000
    """Best-ranked candidates kept per image; None keeps all."""
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


class BackboneParameters(_Section):
    """The frozen network and the layers whose maps are cached."""

    name: str = "efficientnet_lite0"
    weights: Literal["packaged", "library", "random", "file"] = "packaged"
    """packaged: of an installed package. library: downloaded by torchvision or timm. random: seeded."""
    file: str = NO_FILE
    """Weights (safetensors, or a state dict of torch) for `weights: file`. Always a file, so that DVC can watch it."""
    layers: Annotated[tuple[str, ...], Field(min_length=1)] = ("stage1", "stage2", "stage4", "stage6", "pooled")
    """From fine to coarse; the last one is the top layer of the ablations."""
    input_size: Annotated[int, Field(ge=32)] = 224

    @model_validator(mode="after")
    def _file_is_named(self) -> "BackboneParameters":
        if self.weights == "file" and self.file == NO_FILE:
            raise ValueError("backbone.weights is 'file', so backbone.file must name a file of weights")
        return self


class DetectionParameters(_Section):
    """Scored boxes on the evaluated images."""

    source: Literal["own", "file", "ground_truth"] = "own"
    file: str = NO_FILE
    """COCO results (JSON) with boxes of val, for `source: file`. Always a file, so that DVC can watch it."""
    max_per_image: Positive = 20
    """Detections kept per image, best first; of those in a file too."""
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
    """L2 penalty of the bounding-box regression on standardised features; None leaves boxes as they are. R-CNN."""
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


class RegionParameters(_Section):
    """Which boxes become rows of the feature store."""

    expansion: Annotated[float, Field(ge=1, le=4)] = 1.2
    """Both sides of a box are scaled by this before the network sees it. Paper, section 4."""
    mode: Literal["warp", "image"] = "warp"
    """warp: the network sees each region alone. image: each photograph once, regions are cut out of its maps."""
    short_side: Annotated[int, Field(ge=32)] = 480
    """mode image: photographs are scaled to this before the network sees them whole. Ours, measured."""
    overlap: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Candidates with at least this box IoU with an instance train, matched to the best. Paper, section 3."""
    proposals_per_instance: Count = 2
    """Best overlapping candidates per training instance; its own box always trains."""
    jittered_per_instance: Count = 0
    """Copies of each training instance's box with moved sides."""
    jitter: Share = 0.08
    """How far sides move, as a share of the box's width and height."""
    minimum_area: Count = 100
    """Instances of fewer pixels do not train."""


class TrainParameters(_Section):
    """K x K grids of logistic regressions."""

    grid: Positive = 5
    """K: classifiers per side of the box."""
    heat_map: Positive = 50
    """Locations per side of a heat map. Paper, section 2."""
    pixels_per_region: Positive = 100
    """Training pixels drawn per region, evenly over the cells, at least one in each."""
    epochs: Positive = 5
    """Passes over the drawn pixels."""
    alpha: Annotated[float, Field(gt=0)] = 2e-4
    """L2 penalty of scikit-learn's SGDClassifier on standardised hypercolumns."""
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


class PredictParameters(_Section):
    """From heat maps to masks."""

    blending: Literal["probability", "logit"] = "probability"
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.4
    """A pixel (or superpixel) whose heat exceeds this belongs to the object."""
    superpixels: bool = False
    """Project heat maps onto superpixels by their mean heat. Paper, section 4, System 1."""


class TaskParameters(_Section):
    """What every task has, in a section of its name."""

    baselines: bool = True
    """Train the top layer alone and K = 1 beside it."""


class SegmentationParameters(TaskParameters):
    """Which pixels belong to the object; `predict` says how heat becomes a mask."""

    baselines: bool = False
    """Train the top layer alone and K = 1 beside it; the ablation compares them for masks already."""


class KeypointParameters(TaskParameters):
    """Keypoints, of categories that have them."""

    radius: Annotated[float, Field(gt=0, le=0.5)] = 0.06
    """Locations within this share of the expanded box's sides of a keypoint are positive. Ours, measured."""
    hypotheses: Positive = 1
    """Peaks of every keypoint in the box of a detection; each makes one more result."""


class PartParameters(TaskParameters):
    """Labels of parts inside of masks, of categories that have them; `predict` says how heat becomes a mask."""


class EvaluateParameters(_Section):
    """The protocol of the metrics."""

    matching: Literal["voc", "best_free"] = "voc"
    """voc: the best instance, false when claimed already. best_free: the best one not yet claimed. Authors' code."""
    minimum_area: Count = 0
    """Ground-truth boxes: only instances of at least this many pixels enter the mask IoU."""
    proposals_minimum_area: Count = 200
    """Recall of proposals: only instances of at least this many pixels count."""
    apk_tolerance: Annotated[float, Field(gt=0)] = 0.2
    """A keypoint is right within this many torso heights. Paper, section 5."""
    torso_share: Annotated[float, Field(gt=0)] = 0.4
    """Torso height over the longer side of the box, where no torso is annotated. Median of people in COCO: .38."""


class AblateParameters(_Section):
    """What is compared on ground-truth boxes; every layer alone and all but one are always tried."""

    grid: Positive = 5
    """K while layers are left out."""
    grids: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1, 2, 5, 10)
    """K tried with all layers."""


class ReportParameters(_Section):
    """The page of results."""

    gallery: Positive = 24
    """Instances shown with photo, heat map, predicted and true mask."""


class ComputeParameters(_Section):
    """Where the work runs; no stage depends on it. Only the device changes a result, in the precision of float16."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    batch_size: Positive = 32
    """Regions warped ahead at a time; a forward pass always takes 16, so that results do not depend on this."""
    workers: Count = 0
    """Dask worker processes; 0 takes one per core."""
    scheduler: str | None = None
    """Address of a running Dask scheduler, used instead of a local cluster."""


class Parameters(_Section):
    """All parameters."""

    seed: Count = 0
    tasks: tuple[str, ...] = ("segmentation",)
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
        return self

    @model_validator(mode="after")
    def _ablated_grids_fit(self) -> "Parameters":
        too_large = [k for k in (self.ablate.grid, *self.ablate.grids) if k > self.train.heat_map]
        if too_large:
            raise ValueError(
                f"ablate tries K = {too_large[0]}, larger than the heat map of {self.train.heat_map} locations"
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
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{message}."
    return f"{key} is {problem['input']!r}, which does not fit: {message}."


def _section(model: type[BaseModel], location: tuple[Any, ...]) -> type[BaseModel]:
    for name in location:
        model = model.model_fields[name].annotation  # type: ignore[assignment]
    return model
