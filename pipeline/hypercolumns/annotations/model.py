"""The annotation model that all formats are read into: images, categories and instances, saved as COCO JSON."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from hypercolumns.annotations import masks
from hypercolumns.annotations.info import Info
from hypercolumns.annotations.masks import RLE
from hypercolumns.annotations.soundness import require_sound
from hypercolumns.errors import InputError
from hypercolumns.input_files import MOST_PIXELS, read_bytes

_Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Side = Annotated[int, msgspec.Meta(ge=0, le=MOST_PIXELS)]
_Number = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]
"""Types of stored values, with the range that `AnnotationSet.load` accepts."""


@dataclass(frozen=True)
class Category:
    """An object category, with the names of its keypoints and parts, if it has any."""

    id: _Id
    name: str
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    """Pairs of 1-based keypoint numbers to connect."""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """An annotated photograph."""

    id: _Id
    file_name: str
    """Path relative to `AnnotationSet.image_root`."""
    width: _Side
    height: _Side
    void: RLE | None = None
    """Pixels that belong neither to an object nor to the background."""
    orientation: int = 1
    """EXIF orientation to apply when the photograph is read; 1 leaves it as it is stored."""
    origin: str = ""
    """Place where the data set names the photograph, such as a line of a list; for messages."""
    source_id: str = ""
    """The id in the data set where that is not an integer."""


@dataclass(frozen=True)
class Part:
    """A named part of an instance."""

    name: str
    segmentation: RLE


@dataclass(frozen=True, slots=True)
class _UnreadMask:
    """The JSON of an RLE, and what it is compared with when it is parsed."""

    text: msgspec.Raw
    size: tuple[int, int]
    """Height and width of the image."""
    path: Path | str
    """The file, for messages."""
    number: int
    """Id of the annotation, for messages."""

    def read(self) -> RLE:
        try:
            code = msgspec.json.decode(self.text, type=RLE)
            fault = masks.problem(code, *self.size)
        except (ValueError, RecursionError) as error:
            fault = str(error)
        if fault is not None:
            raise InputError(f"{self.path}, annotation {self.number}: the mask is damaged: {fault}.", "prepare")
        return code


class _StoredMask:
    """A field that holds an RLE, None, or the JSON of an RLE, which is parsed when the field is read.

    Most steps need boxes only, and the masks are the larger part of a file.
    """

    def __get__(self, instance: "Instance | None", owner: type) -> RLE | None:
        if instance is None:
            raise AttributeError  # the field has no default
        stored = vars(instance)["_segmentation"]
        return stored.read() if isinstance(stored, _UnreadMask) else stored

    def __set__(self, instance: "Instance", value: RLE | _UnreadMask | None) -> None:
        vars(instance)["_segmentation"] = value


@dataclass(frozen=True)
class Instance:
    """One annotated object."""

    id: int
    image_id: int
    category_id: int
    if TYPE_CHECKING:  # mypy would take the descriptor for a default
        segmentation: RLE | None
    else:
        segmentation: RLE | None = _StoredMask()
    """The mask, an RLE of the size of the image; None if only the box is annotated."""
    box: tuple[float, float, float, float]
    """Tight or annotated box x0, y0, x1, y1 in pixels, end-exclusive."""
    area: float
    """Pixels of the mask, or the annotated area."""
    crowd: bool = False
    """A group of objects under one mask."""
    difficult: bool = False
    """Marked by the data set, or smaller than the minimum area."""
    keypoints: tuple[float, ...] = ()
    """COCO's flat list x, y, v per keypoint of the category; v is 0 for unlabelled, 1 for hidden, 2 for visible."""
    parts: tuple[Part, ...] = ()

    @property
    def has_mask(self) -> bool:
        """Whether the mask is annotated; does not parse it."""
        return vars(self)["_segmentation"] is not None

    @property
    def ignore(self) -> bool:
        """Crowd or difficult: not used in training, and matches to it count neither for nor against in evaluation."""
        return self.crowd or self.difficult


@dataclass(frozen=True)
class AnnotationSet:
    """The annotations of one split of a data set."""

    images: tuple[Image, ...]
    categories: tuple[Category, ...]
    instances: tuple[Instance, ...]
    image_root: str
    """The folder of photographs."""
    description: str = ""
    """Format and source, for messages and reports."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Number of annotations left out, by reason."""

    @cached_property
    def image_by_id(self) -> dict[int, Image]:
        """Images by id."""
        return {image.id: image for image in self.images}

    @cached_property
    def category_by_id(self) -> dict[int, Category]:
        """Categories by id."""
        return {category.id: category for category in self.categories}

    @cached_property
    def instance_by_id(self) -> dict[int, Instance]:
        """Instances by id."""
        return {instance.id: instance for instance in self.instances}

    @cached_property
    def instances_by_image(self) -> dict[int, list[Instance]]:
        """Instances by image id, in the order of `instances`; the list of an image without instances is empty."""
        groups: dict[int, list[Instance]] = defaultdict(list)
        for instance in self.instances:
            groups[instance.image_id].append(instance)
        return {image.id: groups[image.id] for image in self.images}

    def image_path(self, image: Image) -> Path:
        """Path of an image's photograph."""
        return Path(self.image_root) / image.file_name

    def save(self, path: Path | str) -> None:
        """Write COCO JSON, one image or annotation per line; equal sets give equal bytes."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        encode = msgspec.json.Encoder().encode
        info = {"description": self.description, "image_root": self.image_root, "counts": dict(self.counts)}
        lists = {
            "images": map(_image_to_json, self.images),
            "categories": map(_category_to_json, self.categories),
            "annotations": map(_instance_to_json, self.instances),
        }
        with Path(path).open("wb") as stream:
            stream.write(b'{"info":' + encode(info))
            for name, entries in lists.items():
                stream.write(b',\n"' + name.encode() + b'":[')
                for number, entry in enumerate(entries):
                    stream.write((b",\n" if number else b"\n") + encode(entry))
                stream.write(b"]")
            stream.write(b"}\n")

    @classmethod
    def load(cls, path: Path | str) -> "AnnotationSet":
        """Read a file that `save` wrote; masks are parsed when they are first used.

        Raises
        ------
        InputError
            If the file is missing, is not JSON, lacks a field of the model, or has values that are out of range or do
            not fit each other. Masks are checked when they are first used.
        """
        try:
            content = msgspec.json.decode(read_bytes(Path(path)), type=_File)
        except FileNotFoundError:
            raise InputError(f"{path} does not exist.", "prepare") from None
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{path} is not an annotation file of this project ({error}).", "prepare") from None
        require_sound(path, content.images, content.categories, content.annotations)
        sizes = {image.id: (image.height, image.width) for image in content.images}
        return cls(
            images=content.images,
            categories=content.categories,
            instances=tuple(a.instance(sizes[a.image_id], path) for a in content.annotations),
            image_root=content.info.image_root,
            description=content.info.description,
            counts=content.info.counts,
        )


class _Annotation(msgspec.Struct, gc=False):
    """An annotation in the file; names and order of its fields are those of COCO."""

    id: _Id
    image_id: _Id
    category_id: _Id
    bbox: tuple[_Number, _Number, _Number, _Number]
    area: int | float
    iscrowd: int
    difficult: int
    segmentation: msgspec.Raw = msgspec.Raw()
    keypoints: tuple[int | float, ...] = ()
    parts: tuple[Part, ...] = ()

    def instance(self, size: tuple[int, int], path: Path | str) -> Instance:
        x, y, width, height = self.bbox
        has_mask = len(memoryview(self.segmentation)) > 0
        mask = _UnreadMask(self.segmentation, size, path, self.id) if has_mask else None
        return Instance(
            id=self.id,
            image_id=self.image_id,
            category_id=self.category_id,
            segmentation=mask,  # type: ignore[arg-type]
            box=(x, y, x + width, y + height),
            area=self.area,
            crowd=bool(self.iscrowd),
            difficult=bool(self.difficult),
            keypoints=self.keypoints,
            parts=self.parts,
        )


class _File(msgspec.Struct):
    info: Info
    images: tuple[Image, ...]
    categories: tuple[Category, ...]
    annotations: list[_Annotation]


def _image_to_json(image: Image) -> dict[str, Any]:
    """The fields of an image that differ from their defaults; the required ones have COCO's names."""
    defaults = {"void": None, "orientation": 1, "origin": "", "source_id": ""}
    return {key: value for key, value in vars(image).items() if key not in defaults or value != defaults[key]}


def _category_to_json(category: Category) -> dict[str, Any]:
    content: dict[str, Any] = {"id": category.id, "name": category.name}
    if category.keypoints:
        content |= {"keypoints": category.keypoints, "skeleton": category.skeleton}
    return content | ({"parts": category.parts} if category.parts else {})


def _instance_to_json(instance: Instance) -> dict[str, Any]:
    x0, y0, x1, y1 = instance.box
    content: dict[str, Any] = {
        "id": instance.id,
        "image_id": instance.image_id,
        "category_id": instance.category_id,
        "bbox": tuple(map(float, (x0, y0, x1 - x0, y1 - y0))),
        "area": instance.area,
        "iscrowd": int(instance.crowd),
        "difficult": int(instance.difficult),
        "ignore": int(instance.ignore),
    }
    if instance.has_mask:
        content["segmentation"] = instance.segmentation
    if instance.keypoints:
        content["keypoints"] = instance.keypoints
        content["num_keypoints"] = sum(v > 0 for v in instance.keypoints[2::3])
    if instance.parts:
        content["parts"] = [vars(part) for part in instance.parts]
    return content
