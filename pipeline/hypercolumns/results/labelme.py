"""Results as annotations of Labelme: a JSON file per photograph."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

from hypercolumns.annotations import masks
from hypercolumns.annotations.masks import RLE
from hypercolumns.annotations.model import Image
from hypercolumns.results.file_names import copy_photographs, require_different, stem
from hypercolumns.results.options import Options
from hypercolumns.results.polygons import join, polygons
from hypercolumns.results.predictions import Prediction, Predictions

_VERSION = "5.5.0"
"""Labelme's version whose fields are written."""


def write(predictions: Predictions, out: Path, options: Options) -> None:
    """Write a file for each photograph; it belongs beside the photograph, whose pixels it does not repeat.

    A mask is one polygon, its components joined by lines that go there and back, since labelme2coco takes every polygon
    for an object. The parts and keypoints of an object have its `group_id`.

    Raises
    ------
    InputError
        If two photographs differ in their suffix only, or one that is to be copied is missing.
    """
    stems = {image.id: stem(image) for image in predictions.images}
    require_different(predictions.images, stems)
    for image in predictions.images:
        path = out / f"{stems[image.id]}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = _content(image, predictions.by_image[image.id], options)
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if options.photographs is not None:
        names = {image.id: image.file_name for image in predictions.images}
        copy_photographs(options.photographs, predictions.images, out, names)


def _content(image: Image, found: tuple[Prediction, ...], options: Options) -> dict[str, Any]:
    shapes = [shape for group, item in enumerate(found, start=1) for shape in _shapes(item, group, options)]
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": PurePosixPath(image.file_name).name,
        "imageData": None,
        "imageHeight": image.height,
        "imageWidth": image.width,
    }


def _shapes(prediction: Prediction, group: int, options: Options) -> list[dict[str, Any]]:
    description = f"score {prediction.score:.3f}"
    name = prediction.category.name

    def shape(label: str, kind: str, points: list[list[float]]) -> dict[str, Any]:
        return {
            "label": label,
            "points": points,
            "group_id": group,
            "description": description,
            "shape_type": kind,
            "flags": {},
            "mask": None,
        }

    def outline(label: str, mask: RLE) -> dict[str, Any]:
        return shape(label, "polygon", join(polygons(mask, options.tolerance)).round(2).tolist())

    if prediction.mask is not None:
        shapes = [outline(name, prediction.mask)]
    else:
        x0, y0, x1, y1 = prediction.shown_box
        shapes = [shape(name, "rectangle", [[x0, y0], [x1, y1]])]
    for part in prediction.parts:
        if masks.area(part.segmentation):
            shapes.append(outline(part.name, part.segmentation))
    flat = prediction.labelled_keypoints(options.keypoint_score)
    for keypoint, x, y, visibility in zip(
        prediction.category.keypoints if flat else (), flat[::3], flat[1::3], flat[2::3], strict=True
    ):
        if visibility:
            shapes.append(shape(keypoint, "point", [[x, y]]))
    return shapes
