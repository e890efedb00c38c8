"""The error for bad input, said in one paragraph."""

from collections.abc import Mapping
from typing import Any


class InputError(ValueError):
    """Input that cannot be used: a file, key or value from outside.

    The message names the file, key or value, says what is wrong with it and lists the valid choices
    where there are any. Commands print it without a traceback and exit with code 1.

    Parameters
    ----------
    message
        One paragraph, full stop included.
    step
        The step of the pipeline that writes the missing or unusable file, for callers who can say how to run it.
    """

    def __init__(self, message: str, step: str | None = None) -> None:
        super().__init__(message)
        self.step = step


def choices(names: object) -> str:
    """Valid choices as they are listed in messages: sorted, separated by commas."""
    return ", ".join(sorted(str(name) for name in names)) if names else "(none)"  # type: ignore[attr-defined]


_WORDS = {
    "missing": "it is missing",
    "literal_error": "choose {expected}",
    "greater_than": "it must be larger than {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than": "it must be smaller than {lt}",
    "less_than_equal": "it must be at most {le}",
    "too_short": "it needs at least {min_length}",
    "string_pattern_mismatch": "it needs at least one letter or digit",
    "int_from_float": "a whole number is needed",
    "finite_number": "a finite number is needed",
}
_NEEDED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "tuple": "a list, [a, b],",
    "list": "a list",
    "dict": "a table of keys and values",
    "model": "a table of keys and values",
}
"""What values of a type are called, by the first word of pydantic's type of the problem."""


def plain(problem: Mapping[str, Any]) -> str:
    """What is wrong with a value in plain words, of an entry of pydantic's `ValidationError.errors()`.

    Pydantic's own words name the types of Python, which users of a parameter file or a data set need not know.
    """
    kind = problem["type"]
    if kind in _WORDS:
        return _WORDS[kind].format(**problem.get("ctx", {}))
    needed = _NEEDED.get(kind.partition("_")[0]) if kind.endswith(("_type", "_parsing")) else None
    return f"{needed} is needed" if needed else str(problem["msg"])
