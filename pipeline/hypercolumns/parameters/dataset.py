"""The data set: its format, its files, and the part of it that is used."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from hypercolumns.errors import choices
from hypercolumns.input_files import MOST_PIXELS, expand_home
from hypercolumns.parameters.section import Count, Name, Positive, Section
from hypercolumns.places.place import is_address

_ON_DISK = ("voc", "sbd", "coco", "pascal_part")

FORMAT_NAMES = ["puppets", *_ON_DISK]
"""Choices for `dataset.format`; `register_format` adds to them."""


class PuppetsParameters(Section):
    """The built-in data set of drawn scenes."""

    train_images: Annotated[int, Field(ge=1, le=1_000_000)] = 120
    """Scenes in train."""
    val_images: Annotated[int, Field(ge=1, le=1_000_000)] = 60
    """Scenes in val."""
    width: Annotated[int, Field(ge=96, le=8192)] = 320
    """In pixels."""
    height: Annotated[int, Field(ge=96, le=8192)] = 240
    """In pixels."""


class DatasetParameters(Section):
    """Photographs and annotations."""

    format: str = "puppets"
    """puppets (built in, drawn), coco, pascal_part, sbd or voc."""
    root: str = "data/source"
    """Folder of the data set; unused by puppets."""
    train: str = "train"
    """voc, sbd: name of the image set. coco: annotation file below `root`."""
    val: str = "val"
    """As `train`, for val; or a folder of photographs below `root`, without annotations, to predict on."""
    val_share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the photographs of `train` held out as val, chosen by a hash of their names; null: val is `val`."""
    train_limit: Positive | None = None
    """Most photographs of `train` to learn from, those with the lowest hashes of their names; null: all."""
    images: str = "JPEGImages"
    """coco: folder of the photographs below `root`."""
    val_images: str | None = None
    """coco: folder of the val photographs below `root`; null: the same as `images`."""
    train_list: str | None = None
    """coco, pascal_part: text file below `root` with the stems of the images to use, one per line; null uses all."""
    val_list: str | None = None
    """As `train_list`, for val."""
    class_names: tuple[Name, ...] = ()
    """voc: names of the categories 1, 2, ... of the masks; empty: as files and XML of the data set say, else VOC's."""
    orientation: Literal["auto", "apply", "ignore"] = "auto"
    """EXIF tag of rotated photographs. auto: as the annotated size shows, apply where it cannot tell."""
    maximum_pixels: Annotated[int, Field(ge=1, le=MOST_PIXELS)] = 178_956_970
    """Photographs with more pixels are refused. The default is Pillow's limit."""
    categories: tuple[Name, ...] = ()
    """Categories to keep; empty keeps all."""
    minimum_area: Count = 0
    """Instances with fewer pixels are marked difficult: they neither train nor count."""
    parts_of: Name | None = None
    """coco: the annotated categories are parts of one object of this category per image; null: they are objects."""
    part_names: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    """Merged parts, new name: [names in the data set, or patterns like "[lr]ear"]. Parts under "none" are left out."""
    keypoints: str | None = None
    """For instances without keypoints: COCO file or folder of VOC person keypoints (xml), below `root`; null: none."""
    val_keypoints: str | None = None
    """As `keypoints`, for val; null: the same as `keypoints`."""
    keypoint_names: dict[Name, Name] = Field(default_factory=dict)
    """Selected keypoints, new name: name in the data set; empty keeps all."""
    skip_bad: bool = False
    """Leave out malformed photographs, objects and parts, and count them, instead of stopping with an error."""
    puppets: PuppetsParameters = PuppetsParameters()

    @property
    def folder(self) -> Path:
        """The folder `root`, with `~` expanded."""
        return expand_home(self.root)

    @field_validator("format")
    @classmethod
    def _format_is_known(cls, name: str) -> str:
        if name not in FORMAT_NAMES:
            raise ValueError(f"dataset.format is {name!r}; choose {choices(FORMAT_NAMES)}")
        return name

    @field_validator("root", "images", "val_images")
    @classmethod
    def _is_a_folder(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is not None and is_address(name):
            raise ValueError(
                f"dataset.{info.field_name} is {name!r}, an address; copy what is there to a folder, or mount it, and "
                "name the folder. Only the client must see it; workers get photographs through compute.storage"
            )
        return name

    @model_validator(mode="after")
    def _sources_fit(self) -> "DatasetParameters":
        if self.val_keypoints is not None and self.keypoints is None:
            raise ValueError("dataset.val_keypoints needs dataset.keypoints, the keypoints of the training photographs")
        for key in ("val", "val_list", "val_images", "val_keypoints"):
            value = getattr(self, key)
            if self.val_share is not None and value != type(self).model_fields[key].default:
                raise ValueError(
                    f"dataset.val_share holds out photographs of train, so that dataset.{key} ({value}) is not used; "
                    "set one of them"
                )
        used_by = {"train_list": ("coco", "pascal_part"), "val_list": ("coco", "pascal_part"), "class_names": ("voc",)}
        for key, formats in used_by.items():
            if getattr(self, key) and self.format in _ON_DISK and self.format not in formats:
                raise ValueError(f"dataset.{key} needs dataset.format {' or '.join(formats)}, not {self.format}")
        if self.train_limit is not None and self.format == "puppets":
            raise ValueError("dataset.train_limit is for data sets on disk; puppets have dataset.puppets.train_images")
        if self.parts_of is not None and self.format != "coco":
            raise ValueError(f"dataset.parts_of needs dataset.format coco, not {self.format}")
        return self
