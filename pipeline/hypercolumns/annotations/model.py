"""The one annotation model: images, categories and instances, kept as COCO JSON on disk."""

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
    """An object category; `keypoints`, `skeleton` (pairs of 1-based keypoint numbers) and `parts` may be empty."""

    id: int
    name: str
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """A photograph; `void` marks pixels that belong neither to an object nor to the background."""

    id: int
    file_name: str
    width: int
    height: int
    void: RLE | None = None


@dataclass(frozen=True)
class Part:
    """A named part of an instance."""

    name: str
    segmentation: RLE


@dataclass(frozen=True)
class Instance:
    """One object: its mask, and its tight or annotated box x0, y0, x1, y1 (end-exclusive).

    `keypoints` is COCO's flat list x, y, v per keypoint of the category (v: 0 not labelled, 1 hidden,
    2 visible). `crowd` and `difficult` instances neither count nor punish in evaluation and do not train.
    """

    id: int
    image_id: int
    category_id: int
    segmentation: RLE
    box: tuple[float, float, float, float]
    area: float
    crowd: bool = False
    difficult: bool = False
    keypoints: tuple[float, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def ignore(self) -> bool:
        return self.crowd or self.difficult


@dataclass(frozen=True)
class AnnotationSet:
    """The annotations of one image set; `image_root` is the folder that `file_name` is relative to."""

    images: tuple[Image, ...]
    categories: tuple[Category, ...]
    instances: tuple[Instance, ...]
    image_root: str
    description: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def image_by_id(self) -> dict[int, Image]:
        return {image.id: image for image in self.images}

    @cached_property
    def category_by_id(self) -> dict[int, Category]:
        return {category.id: category for category in self.categories}

    @cached_property
    def instance_by_id(self) -> dict[int, Instance]:
        return {instance.id: instance for instance in self.instances}

    @cached_property
    def instances_by_image(self) -> dict[int, list[Instance]]:
        """Instances per image id, in file order; an image without any has an empty list."""
        groups: dict[int, list[Instance]] = defaultdict(list)
        for instance in self.instances:
            groups[instance.image_id].append(instance)
        return {image.id: groups[image.id] for image in self.images}

    def image_path(self, image: Image) -> Path:
        return Path(self.image_root) / image.file_name

    def save(self, path: Path) -> None:
        """Write COCO JSON; byte for byte the same for equal sets."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self._to_json(), indent=None, separators=(",", ":")) + "\n")

    @classmethod
    def load(cls, path: Path) -> "AnnotationSet":
        """Read what `save` wrote.

        Raises
        ------
        InputError
            When the file is missing, is no JSON or lacks a field of the model.
        """
        try:
            return cls._from_json(json.loads(path.read_text()))
        except FileNotFoundError:
            raise InputError(f"{path} does not exist.", "prepare") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is not an annotation file of this project ({error!r}).", "prepare") from None

    def _to_json(self) -> dict[str, Any]:
        return {
            "info": {
                "description": self.description,
                "image_root": self.image_root,
                "counts": dict(self.counts),
            },
            "images": [
                {"id": i.id, "file_name": i.file_name, "width": i.width, "height": i.height}
                | ({"void": i.void} if i.void else {})
                for i in self.images
            ],
            "categories": [
                {"id": c.id, "name": c.name}
                | ({"keypoints": c.keypoints, "skeleton": c.skeleton} if c.keypoints else {})
                | ({"parts": c.parts} if c.parts else {})
                for c in self.categories
            ],
            "annotations": [
                _instance_to_json(instance, bbox)
                for instance, bbox in zip(
                    self.instances, to_coco([i.box for i in self.instances]).tolist(), strict=True
                )
            ],
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


def _instance_to_json(instance: Instance, bbox: list[float]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "id": instance.id,
        "image_id": instance.image_id,
        "category_id": instance.category_id,
        "bbox": bbox,
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
        content["parts"] = [{"name": p.name, "segmentation": p.segmentation} for p in instance.parts]
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
