"""The keypoints of an annotation in a COCO file."""

import msgspec

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco.entries import decode, is_absent
from hypercolumns.annotations.coco.masks import RelativeCoordinatesError
from hypercolumns.annotations.keypoints.attaching import VISIBLE
from hypercolumns.annotations.model import Category, Image
from hypercolumns.errors import InputError


def read_keypoints(
    raw: msgspec.Raw, category: Category, image: Image, where: str, bad_items: BadItems
) -> tuple[float, ...]:
    """Read the field `keypoints` of an annotation: COCO's flat list x, y, visibility, in which null is unlabelled.

    Keypoints outside the photograph become unlabelled; visible ones are counted, hidden ones are guesses of annotators.

    Returns
    -------
    Three numbers for each keypoint of the category; empty if the annotation has none or labels none.

    Raises
    ------
    InputError
        If it is not a list of finite numbers, three for each keypoint of the category, or has a visibility other than
        0, 1 and 2.
    RelativeCoordinatesError
        If it is in relative coordinates.
    """
    if is_absent(raw):
        return ()
    values = decode(list[float | None], raw, f"{where}, its keypoints")
    if not any(values):
        return ()
    names = category.keypoints
    if len(values) != 3 * len(names):
        raise InputError(
            f"{where} has {len(values)} keypoint values; its category {category.name} needs "
            + (f"{3 * len(names)}: x, y and visibility of each." if names else "0, since it lists no keypoints.")
        )
    keypoints: list[float] = []
    labelled: list[float] = []
    for name, x, y, visibility in zip(names, values[0::3], values[1::3], values[2::3], strict=True):
        if visibility == 0 or (x, y, visibility) == (None, None, None):
            keypoints += [0.0, 0.0, 0.0]
            continue
        if x is None or y is None or visibility is None:
            raise InputError(f"{where} has the keypoint {name!r} with null in place of x, y or visibility.")
        if visibility not in (1, 2):
            raise InputError(f"{where} has the keypoint {name!r} of visibility {visibility:g}; choose from 0, 1, 2.")
        if 0 <= x <= image.width and 0 <= y <= image.height:
            keypoints += [x, y, visibility]
            labelled += [x, y]
            continue
        keypoints += [0.0, 0.0, 0.0]
        if visibility == VISIBLE:
            bad_items.leave_out(
                "visible_keypoints_outside_their_photographs",
                f"{where} has the keypoint {name!r} at ({x:g}, {y:g}), outside its photograph.",
            )
    if len(labelled) > 2 and max(labelled) <= 1:
        raise RelativeCoordinatesError(
            f"{where} has keypoints at {labelled}; COCO's are pixels, not shares of the image's sides."
        )
    return tuple(keypoints) if labelled else ()
