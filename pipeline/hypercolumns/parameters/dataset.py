"""The data set: its format, its files, and what of it is used."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from hypercolumns.errors import choices
from hypercolumns.parameters.section import Count, Name, Positive, Section

FORMATS = ["puppets", "voc", "sbd", "coco", "pascal_part"]
"""What `dataset.format` may be; `register_format` adds to it."""


class PuppetsParameters(Section):
    """The embedded data set: how many scenes to draw."""

    train_images: Positive = 120
    val_images: Positive = 60
    width: Annotated[int, Field(ge=96)] = 320
    height: Annotated[int, Field(ge=96)] = 240


class DatasetParameters(Section):
    """Which photographs and annotations, and which of them."""

    format: str = "puppets"
    root: str = "data/source"
    """Folder of the data set; not used by `puppets`."""
    train: str = "train"
    """voc, sbd: name of the image set. coco: annotation file below `root`."""
    val: str = "val"
    images: str = "JPEGImages"
    """coco: folder of the photographs below `root`."""
    val_images: str | None = None
    """coco: folder of the val photographs below `root`, where it is another one; null: `images`."""
    train_list: str | None = None
    """coco, pascal_part: text file below `root` with the stems of the images to use, one a line; null uses all."""
    val_list: str | None = None
    categories: tuple[Name, ...] = ()
    """Keep only these categories; empty keeps all."""
    minimum_area: Count = 0
    """Instances of fewer pixels are marked difficult: they neither train nor count."""
    parts_of: Name | None = None
    """coco: the file's categories are parts of one object of this category per image; null: they are objects."""
    part_names: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    """Parts merged: new name: [names in the data set, or patterns like "[lr]ear"]; those under "none" are left out."""
    keypoints: str | None = None
    """Below `root`: COCO file with keypoints, or folder of VOC person keypoints (xml), for instances without any."""
    val_keypoints: str | None = None
    """Those of the val photographs, where they are others; null: `keypoints`."""
    keypoint_names: dict[Name, Name] = Field(default_factory=dict)
    """Keypoints chosen: new name: name in the data set; empty keeps all."""
    skip_bad: bool = False
    """Leave out and count malformed objects and parts instead of ending with an error."""
    puppets: PuppetsParameters = PuppetsParameters()

    @field_validator("format")
    @classmethod
    def _format_is_known(cls, name: str) -> str:
        if name not in FORMATS:
            raise ValueError(f"dataset.format is {name!r}; choose {choices(FORMATS)}")
        return name

    @model_validator(mode="after")
    def _sources_fit(self) -> "DatasetParameters":
        if self.val_keypoints is not None and self.keypoints is None:
            raise ValueError("dataset.val_keypoints needs dataset.keypoints, those of the training photographs")
        if self.parts_of is not None and self.format != "coco":
            raise ValueError(f"dataset.parts_of needs dataset.format coco, not {self.format}")
        return self
