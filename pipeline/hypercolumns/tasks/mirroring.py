"""Names of keypoints and parts in a mirror: what was left is right."""

import re
from collections.abc import Sequence

_SIDES = {"left": "right", "right": "left", "l": "r", "r": "l"}

_PATTERNS = (r"(?i)left|right", r"(?i)(?<![a-z])[lr](?![a-z])", r"(?<=[a-z0-9])[LR]$")
"""How names say their side: by a word, by a letter that stands alone, or by a capital at the end."""

_FIRST_LETTER = r"(?i)^[lr]"
"""As in PASCAL-Part (leye, reye). Needs two pairs: a lamp and a ramp alone are not the sides of anything."""


def mirrored_positions(names: Sequence[str]) -> list[int]:
    """Position of the name that each name has in a mirror: its own unless there is a counterpart.

    Examples
    --------
    >>> mirrored_positions(["nose", "left_eye", "right_eye"])
    [0, 2, 1]
    >>> mirrored_positions(["L_Ear", "R_Ear", "eyeL", "eyeR", "lid"])
    [1, 0, 3, 2, 4]
    """
    counterparts = list(range(len(names)))
    for pattern in _PATTERNS:
        _pair(counterparts, _counterparts(pattern, names))
    by_first_letter = _counterparts(_FIRST_LETTER, names)
    if len(by_first_letter) >= 4:
        _pair(counterparts, by_first_letter)
    return counterparts


def _counterparts(pattern: str, names: Sequence[str]) -> dict[int, int]:
    """Positions of names by those of the names that they become when the side in them is exchanged."""
    positions = {name: position for position, name in enumerate(names)}
    swapped = {position: re.sub(pattern, _other_side, name) for name, position in positions.items()}
    return {p: positions[name] for p, name in swapped.items() if name in positions and positions[name] != p}


def _pair(counterparts: list[int], found: dict[int, int]) -> None:
    """Fill in the counterparts of names that become each other and have none so far."""
    for one, other in found.items():
        mutual = one < other and found.get(other) == one
        if mutual and (counterparts[one], counterparts[other]) == (one, other):
            counterparts[one], counterparts[other] = other, one


def _other_side(match: re.Match[str]) -> str:
    side = match.group()
    other = _SIDES[side.lower()]
    return other.upper() if side.isupper() else other.capitalize() if side[0].isupper() else other
