"""The photographs behind the rows of a store, found through annotations, and the crops that the network saw."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.photographs.of_images import Photographs
from hypercolumns.errors import InputError
from hypercolumns.input_files import is_folder
from hypercolumns.places.place import is_address
from hypercolumns.regions.boxes import is_far_outside
from hypercolumns.workspace import SPLITS, Workspace

Annotations = AnnotationSet | Path | str
"""Annotations, or a file of them as `prepare` writes it."""

MOST_INPUT_SIZE = 1 << 12
"""Largest side in pixels of a crop that is cut out; attributes of a store may claim anything."""


def workspace_of(path: Path | str) -> Workspace | None:
    """The workspace in which a feature store lies as the pipeline lays it out, by its data; None if it does not."""
    if is_address(str(path)):
        return None
    path = Path(path).absolute()
    if len(path.parents) < 2:
        return None
    workspace = Workspace(data=path.parents[1])
    return workspace if any(path == workspace.features(split) for split in SPLITS) else None


def annotations_beside(path: Path | str) -> Path | None:
    """The file of annotations from which the store at `path` was made, by the layout of a workspace; it may be missing.

    Examples
    --------
    >>> annotations_beside("/runs/one/data/features/val.zarr").as_posix()
    '/runs/one/data/annotations/val.json'
    """
    workspace = workspace_of(path)
    split = next((split for split in SPLITS if split == Path(path).stem), None)
    return workspace.annotations(split) if workspace and split else None


def photographs_of(path: Path | str, annotations: Annotations | None) -> Photographs:
    """Find the photographs of the store at `path`.

    Parameters
    ----------
    annotations
        None: those of the workspace that the store lies in. A folder of photographs that a file names by a relative
        path is looked for below the folder that has `data/annotations/FILE`, then below the current folder.

    Raises
    ------
    InputError
        When nothing says where the photographs are, or the file of annotations is missing or unusable.
    """
    if isinstance(annotations, AnnotationSet):
        return Photographs.of(annotations)
    file = annotations_beside(path) if annotations is None else Path(annotations)
    if file is None:
        raise InputError(
            f"The photographs of {path} are not known: it is not data/features/train.zarr or val.zarr of a workspace, "
            "whose data/annotations name them. Name the file of annotations: FeatureStore.open(path, annotations=FILE) "
            "in Python, --annotations FILE on the command line."
        )
    found = AnnotationSet.load(file)
    below = file.absolute().parents[2] / found.image_root if len(file.absolute().parents) > 2 else Path()
    root = below if is_folder(below) else Path(found.image_root)
    return Photographs.of(replace(found, image_root=str(root)))


def is_colour(value: object) -> bool:
    """Whether a value of JSON is a list of three numbers from 0 to 1."""
    return (
        isinstance(value, list) and len(value) == 3 and all(isinstance(v, int | float) and 0 <= v <= 1 for v in value)
    )


def cut_crop(
    photograph: NDArray[np.uint8], box: NDArray[np.float64], size: int, fill: Sequence[float]
) -> NDArray[np.uint8]:
    """Warp the expanded box of a region to a square as `extract` does on the CPU, rounded to whole numbers.

    Parameters
    ----------
    photograph
        (height, width, 3) RGB.
    box
        (4,) x0, y0, x1, y1 in pixels; may extend beyond the photograph. One with x0 > x1 is mirrored.
    size
        Side of the square.
    fill
        RGB in 0..1 outside the photograph.

    Returns
    -------
    (size, size, 3) RGB.

    Raises
    ------
    InputError
        If the box is not finite, is empty, or lies so far outside that warping it would take too much memory.
    """
    from hypercolumns.features.warp import warp  # torch takes a second, which readers of stores save

    x0, y0, x1, y1 = corners = box.tolist()
    height, width = photograph.shape[:2]
    if not np.isfinite(box).all() or x0 == x1 or y0 >= y1 or is_far_outside(corners, width, height):
        raise InputError(f"The box {corners} cannot be cut out of a photograph of {width} x {height} pixels.")
    upright = np.array([[min(x0, x1), y0, max(x0, x1), y1]])
    writable = np.array(photograph)  # PyTorch warns of arrays that are not
    crop = warp([writable], upright, size, fill)[0].permute(1, 2, 0).numpy()
    pixels = np.rint(255 * np.clip(crop, 0, 1)).astype(np.uint8)
    return np.ascontiguousarray(pixels[:, ::-1] if x0 > x1 else pixels)
