"""Results as a data set in the layout of PASCAL VOC: label images, XML annotations and image sets."""

import logging
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.label_images import VOID, voc_colour
from hypercolumns.annotations.model import Category, Image
from hypercolumns.drawing.label_image import label_image, save_label_png
from hypercolumns.errors import InputError, counted
from hypercolumns.results.file_names import copy_photographs, flat_stem, require_different
from hypercolumns.results.options import Options
from hypercolumns.results.predictions import Prediction, Predictions

logger = logging.getLogger(__name__)

_IMAGE_SET = "default"
"""CVAT's name for photographs without a subset."""


def write(predictions: Predictions, out: Path, options: Options) -> None:
    """Write one image set, `default`.

    Where masks overlap, the one with the higher score is in front. Objects without a visible pixel are left out, and
    their number is logged.
    Results without masks give XML annotations alone. `labelmap.txt` names the classes, as in CVAT's "Segmentation mask
    1.1".

    Raises
    ------
    InputError
        If `labelmap.txt` cannot hold the name of a category, there are more than 254, two photographs would have the
        same name, a photograph has more than 254 objects, or one that is to be copied is missing.
    """
    stems = {image.id: flat_stem(image) for image in predictions.images}
    require_different(predictions.images, stems)
    _require_names(predictions.categories)
    values = {category.id: number for number, category in enumerate(predictions.categories, start=1)}
    have_masks = predictions.have_masks
    kinds = ["Main", "Segmentation"] if have_masks else ["Main"]
    for folder in ("Annotations", *(f"ImageSets/{kind}" for kind in kinds)):
        (out / folder).mkdir(parents=True)
    for folder in ("SegmentationClass", "SegmentationObject") if have_masks else ():
        (out / folder).mkdir()
    names = {}
    n_hidden = 0
    for image in predictions.images:
        found: Sequence[Prediction] = predictions.by_image[image.id]
        name = stems[image.id]
        names[image.id] = f"JPEGImages/{name}{PurePosixPath(image.file_name).suffix}"
        if have_masks:
            numbers, visible = _object_numbers(image, found)
            n_hidden += len(found) - len(visible)
            found = visible
            classes = np.array([0, *(values[p.category.id] for p in found)], dtype=np.uint8)[numbers]
            save_label_png(out / f"SegmentationObject/{name}.png", numbers)
            save_label_png(out / f"SegmentationClass/{name}.png", classes)
        content = _annotation(image, PurePosixPath(names[image.id]).name, found, have_masks)
        (out / f"Annotations/{name}.xml").write_text(content, encoding="utf-8")
    if n_hidden:
        logger.warning("%s behind others left out", counted(n_hidden, "result"))
    for kind in kinds:
        listed = "".join(f"{stems[image.id]}\n" for image in predictions.images)
        (out / f"ImageSets/{kind}/{_IMAGE_SET}.txt").write_text(listed, encoding="utf-8")
    rows = [("background", 0), *((c.name, values[c.id]) for c in predictions.categories)]
    lines = [f"{name}:{','.join(map(str, voc_colour(value)))}::\n" for name, value in rows]
    (out / "labelmap.txt").write_text("# label:color_rgb:parts:actions\n" + "".join(lines), encoding="utf-8")
    if options.photographs is not None:
        copy_photographs(options.photographs, predictions.images, out, names)


def _require_names(categories: Sequence[Category]) -> None:
    if len(categories) >= VOID:
        raise InputError(f"VOC's masks have at most {VOID - 1} categories, and these are {len(categories)}.")
    for category in categories:
        name = category.name
        if ":" in name or name.startswith("#") or name != name.strip() or name.casefold() == "background":
            raise InputError(
                f"VOC's labelmap.txt cannot hold the name of the category {name!r}: names have no colon or blanks "
                "around them, do not begin with # and are not 'background'. Rename it in the annotations."
            )


def _object_numbers(image: Image, found: Sequence[Prediction]) -> tuple[NDArray[np.uint8], list[Prediction]]:
    """Number the objects of a photograph.

    Returns
    -------
    (height, width) numbers from 1 on, 0 for the background, and the predictions that have the numbers 1, 2, ...
    """
    if len(found) >= VOID:
        raise InputError(
            f"The photograph {image.file_name!r} has {len(found)} objects, and VOC's masks have at most {VOID - 1}; "
            "choose a higher --score."
        )
    empty = masks.encode(np.zeros((image.height, image.width), dtype=bool))
    numbers = label_image([prediction.mask or empty for prediction in found], image.height, image.width)
    visible = [number for number in np.unique(numbers).tolist() if number]
    renumbered = np.zeros(VOID + 1, dtype=np.uint8)
    renumbered[visible] = np.arange(1, len(visible) + 1)
    return renumbered[numbers], [found[number - 1] for number in visible]


def _annotation(image: Image, file_name: str, found: Sequence[Prediction], have_masks: bool) -> str:
    """VOC's XML. Its pixels count from 1, and boxes include their last one."""
    lines = [
        "<annotation>",
        "  <folder>JPEGImages</folder>",
        f"  <filename>{escape(file_name)}</filename>",
        f"  <size><width>{image.width}</width><height>{image.height}</height><depth>3</depth></size>",
        f"  <segmented>{int(have_masks)}</segmented>",
    ]
    for prediction in found:
        x0, y0, x1, y1 = prediction.shown_box
        sides = {
            "xmin": int(np.floor(x0)) + 1,
            "ymin": int(np.floor(y0)) + 1,
            "xmax": int(np.ceil(x1)),
            "ymax": int(np.ceil(y1)),
        }
        lines += [
            "  <object>",
            f"    <name>{escape(prediction.category.name)}</name>",
            "    <pose>Unspecified</pose>",
            "    <truncated>0</truncated>",
            "    <difficult>0</difficult>",
            f"    <bndbox>{''.join(f'<{side}>{value}</{side}>' for side, value in sides.items())}</bndbox>",
            "  </object>",
        ]
    return "\n".join([*lines, "</annotation>", ""])
