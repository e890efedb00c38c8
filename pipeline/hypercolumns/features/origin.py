"""Origin of features: kept beside what was learned from them, so that others are refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypercolumns.errors import InputError

Origin = Mapping[str, Any]
"""JSON-like values by name: the network, its weights, and how a photograph is shown to it."""

_ORIGIN_KEYS = ("backbone", "weights", "weights_sha256", "preprocessing", "expansion")


def origin_of(attributes: Mapping[str, Any]) -> Origin:
    """Origin of the features of a store, from the attributes of the store; empty if they do not say."""
    return {name: attributes[name] for name in _ORIGIN_KEYS if name in attributes}


def require_origin(learned_from: Origin, given: Origin, learned: Path | str, step: str) -> None:
    """Refuse to apply what was learned from some features to others.

    Parameters
    ----------
    learned_from
        Origin of the features that were learned from; empty if it is not known, which fits any.
    given
        Origin of the features at hand; empty if it is not known.
    learned
        What was learned, for the message.
    step
        The step that learns it.

    Raises
    ------
    InputError
        Naming what differs.
    """
    if changed := _changed(learned_from, given):
        differences = "; ".join(
            f"{name} was {_short(learned_from.get(name))}, and is {_short(given.get(name))}" for name in changed
        )
        raise InputError(
            f"{learned} was trained on features of another network or another treatment of the photographs: "
            f"{differences}.",
            step,
        )


def fits(learned_from: Origin, given: Origin) -> bool:
    """Whether `require_origin` accepts these features."""
    return not _changed(learned_from, given)


def _changed(learned_from: Origin, given: Origin) -> list[str]:
    """Names of the values that differ; none where an origin is not known."""
    if not learned_from or not given:
        return []
    names = [*learned_from, *(name for name in given if name not in learned_from)]
    return [name for name in names if learned_from.get(name) != given.get(name)]


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 120 else f"{text[:120]}..."
