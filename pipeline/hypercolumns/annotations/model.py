"""The annotation model that all formats are read into: images, categories and instances, saved as COCO JSON."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from hypercolumns.annotations.masks import RLE
from hypercolumns.errors import InputError
from hypercolumns.regions.boxes import from_coco, to_coco


@dataclass(frozen=True)
class Category:
    """An object category, with the names of its keypoints and parts, if it has any."""

    id: int
    name: str
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    """Pairs of 1-based keypoint numbers to connect."""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """An annotated photograph."""

    id: int
    file_name: str
    """Path relative to `AnnotationSet.image_root`."""
    width: int
    height: int
    void: RLE | None = None
    """Pixels that belong neither to an object nor to the background."""


@dataclass(frozen=True)
class Part:
    """A named part of an instance."""

    name: str
    segmentation: RLE


@dataclass(frozen=True)
class Instance:
    """One annotated object."""

    id: int
    image_id: int
    category_id: int
    segmentation: RLE
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
        """Write COCO JSON; equal sets give equal bytes."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(self._to_json(), separators=(",", ":")) + "\n")

    @classmethod
    def load(cls, path: Path | str) -> "AnnotationSet":
        """Read a file that `save` wrote.

        Raises
        ------
        InputError
            If the file is missing, is not JSON or lacks a field of the model.
        """
        try:
            return cls._from_json(json.loads(Path(path).read_text()))
        except FileNotFoundError:
            raise InputError(f"{path} does not exist.", "prepare") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is not an annotation file of this project ({error!r}).", "prepare") from None

    def _to_json(self) -> dict[str, Any]:
        return {
            "info": {"description": self.description, "image_root": self.image_root, "counts": dict(self.counts)},
            # The fields of images and parts have the names and order of the file.
            "images": [{k: v for k, v in vars(image).items() if v is not None} for image in self.images],
            "categories": [
                {"id": c.id, "name": c.name}
                | ({"keypoints": c.keypoints, "skeleton": c.skeleton} if c.keypoints else {})
                | ({"parts": c.parts} if c.parts else {})
                for c in self.categories
            ],
            "annotations": [_instance_to_json(instance) for instance in self.instances],
        }

    @classmethod
    def _from_json(cls, content: dict[str, Any]) -> "AnnotationSet":
        annotations = content["annotations"]
        return cls(
            images=tuple(
                Image(i["id"], i["file_name"], i["width"], i["height"], i.get("void")) for i in content["images"]
            ),
            categories=tuple(
                Category(
                    c["id"],
                    c["name"],
                    tuple(c.get("keypoints", ())),
                    tuple((a, b) for a, b in c.get("skeleton", ())),
                    tuple(c.get("parts", ())),
                )
                for c in content["categories"]
            ),
            instances=tuple(
                _instance_from_json(a, tuple(box))
                for a, box in zip(annotations, from_coco([a["bbox"] for a in annotations]).tolist(), strict=True)
            ),
            image_root=content["info"]["image_root"],
            description=content["info"]["description"],
            counts=content["info"]["counts"],
        )


def _instance_to_json(instance: Instance) -> dict[str, Any]:
    content: dict[str, Any] = {
        "id": instance.id,
        "image_id": instance.image_id,
        "category_id": instance.category_id,
        "bbox": to_coco(instance.box).tolist(),
        "area": instance.area,
        "iscrowd": int(instance.crowd),
        "difficult": int(instance.difficult),
        "ignore": int(instance.ignore),
        "segmentation": instance.segmentation,
    }
    if instance.keypoints:
        content["keypoints"] = instance.keypoints
        content["num_keypoints"] = sum(v > 0 for v in instance.keypoints[2::3])
    if instance.parts:
        content["parts"] = [vars(part) for part in instance.parts]
    return content


def _instance_from_json(content: dict[str, Any], box: tuple[float, float, float, float]) -> Instance:
    return Instance(
        id=content["id"],
        image_id=content["image_id"],
        category_id=content["category_id"],
        segmentation=content["segmentation"],
        box=box,
        area=content["area"],
        crowd=bool(content["iscrowd"]),
        difficult=bool(content["difficult"]),
        keypoints=tuple(content.get("keypoints", ())),
        parts=tuple(Part(p["name"], p["segmentation"]) for p in content.get("parts", ())),
    )
