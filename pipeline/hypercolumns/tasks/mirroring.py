"""Names of keypoints and parts in a mirror: what was left is right."""

import re
from collections.abc import Sequence

_SIDES = {"left": "right", "right": "left", "l": "r", "r": "l"}

_PATTERNS = (r"left|right", r"(?<![a-z])[lr](?![a-z])", r"^[lr]")
"""Where a name says its side, the surest way first: a word, a letter that stands alone, the first letter."""


def mirrored_positions(names: Sequence[str]) -> list[int]:
    """Position of the name that each name has in a mirror: its own unless there is a counterpart.

    Examples
    --------
    >>> mirrored_positions(["nose", "left_eye", "right_eye"])
    [0, 2, 1]
    >>> mirrored_positions(["L_Ear", "R_Ear", "lhand", "rhand", "leg"])
    [1, 0, 3, 2, 4]
    """
    positions = {name: position for position, name in enumerate(names)}
    counterparts = []
    for name in names:
        swapped = (re.sub(pattern, _other_side, name, flags=re.IGNORECASE) for pattern in _PATTERNS)
        counterparts.append(next((positions[s] for s in swapped if s != name and s in positions), positions[name]))
    return counterparts


def _other_side(match: re.Match[str]) -> str:
    side = match.group()
    other = _SIDES[side.lower()]
    return other.upper() if side.isupper() else other.capitalize() if side[0].isupper() else other
