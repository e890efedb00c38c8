"""Results as a COCO data set: images, categories and annotations in one file."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.masks import RLE
from hypercolumns.annotations.model import Category
from hypercolumns.errors import InputError
from hypercolumns.results.file_names import copy_photographs
from hypercolumns.results.options import Options
from hypercolumns.results.polygons import polygons
from hypercolumns.results.predictions import Prediction, Predictions

_SUBSET = "default"
"""CVAT's name for photographs without a subset."""


def write(predictions: Predictions, out: Path, options: Options) -> None:
    """Write `out` if its name ends in .json; otherwise a folder in CVAT's layout, with the photographs if wanted.

    Raises
    ------
    InputError
        If photographs are to be copied to a single file, or one is missing.
    """
    if out.suffix.lower() == ".json":
        if options.photographs is not None:
            raise InputError("A COCO file has no place for photographs; give -o a folder, a name without .json.")
        _write(dataset(predictions, options), out)
        return
    kind = "person_keypoints" if predictions.have_keypoints else "instances"
    _write(dataset(predictions, options), out / f"annotations/{kind}_{_SUBSET}.json")
    if options.photographs is not None:
        names = {image.id: image.file_name for image in predictions.images}
        copy_photographs(options.photographs, predictions.images, out / "images" / _SUBSET, names)


def dataset(predictions: Predictions, options: Options) -> dict[str, Any]:
    """Content of a COCO file.

    Besides COCO's fields an annotation has `score`, which FiftyOne and some versions of Label Studio's
    converter read, and `parts`, which this project reads.
    """
    found = [prediction for image in predictions.images for prediction in predictions.by_image[image.id]]
    return {
        "info": {
            "description": "results of hypercolumns",
            "url": "",
            "version": "",
            "year": "",
            "contributor": "",
            "date_created": "",
        },
        "licenses": [{"id": 0, "name": "", "url": ""}],
        "images": [
            {
                "id": image.id,
                "file_name": image.file_name,
                "width": image.width,
                "height": image.height,
                "license": 0,
                "flickr_url": "",
                "coco_url": "",
                "date_captured": 0,
            }
            for image in predictions.images
        ],
        "categories": [_category(category) for category in predictions.categories],
        "annotations": [_annotation(number, item, options) for number, item in enumerate(found, start=1)],
    }


def _category(category: Category) -> dict[str, Any]:
    content: dict[str, Any] = {"id": category.id, "name": category.name, "supercategory": ""}
    if category.keypoints:
        content |= {"keypoints": category.keypoints, "skeleton": category.skeleton}
    return content | ({"parts": category.parts} if category.parts else {})


def _annotation(number: int, prediction: Prediction, options: Options) -> dict[str, Any]:
    x0, y0, x1, y1 = prediction.shown_box
    area = masks.area(prediction.mask) if prediction.mask is not None else (x1 - x0) * (y1 - y0)
    content: dict[str, Any] = {
        "id": number,
        "image_id": prediction.image.id,
        "category_id": prediction.category.id,
        "iscrowd": 0,
        "area": round(float(area), 2),
        "bbox": [round(value, 2) for value in (x0, y0, x1 - x0, y1 - y0)],
        "segmentation": _segmentation(prediction.mask, options) if prediction.mask is not None else [],
        "score": prediction.score,
    }
    if prediction.keypoints:
        keypoints = prediction.labelled_keypoints(options.keypoint_score)
        content |= {"keypoints": keypoints, "num_keypoints": sum(v > 0 for v in keypoints[2::3])}
    if prediction.parts:
        parts = [part for part in prediction.parts if masks.area(part.segmentation)]
        content["parts"] = [{"name": p.name, "segmentation": _segmentation(p.segmentation, options)} for p in parts]
    return content


def _segmentation(mask: RLE, options: Options) -> Any:
    if options.masks == "rle":
        return mask
    return [_flat(polygon) for polygon in polygons(mask, options.tolerance)]


def _flat(polygon: NDArray[np.float64]) -> list[float]:
    return polygon.round(2).ravel().tolist()


def _write(content: dict[str, Any], path: Path) -> None:
    """Write the keys of a COCO file, with a line for each entry of a list."""
    encode = msgspec.json.Encoder().encode
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        for number, (key, value) in enumerate(content.items()):
            stream.write((b",\n" if number else b"{") + encode(key) + b":")
            if isinstance(value, list):
                stream.write(b"[\n" + b",\n".join(map(encode, value)) + b"\n]")
            else:
                stream.write(encode(value))
        stream.write(b"}\n")
