"""The error for unusable input, and the wording that its messages share."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_LONGEST_MESSAGE = 4000
"""In characters. Messages repeat values from files, which may be of any length."""

_LONGEST_LINE = 300
"""In characters."""


class InputError(ValueError):
    """Input from outside that cannot be used: a file, a key or a value.

    The message names the file, key or value, says what is wrong with it and lists the valid choices
    where there are any. Commands print it without a traceback and exit with code 1.

    Parameters
    ----------
    message
        One paragraph, or a line for each of several problems, with final full stops. A very long one is shortened in
        the middle; characters that cannot be printed become escape codes.
    step
        The pipeline step that writes the missing or unusable file, for callers that can say how to run it.
    """

    def __init__(self, message: str, step: str | None = None) -> None:
        super().__init__(_readable(message))
        self.step = step


def _readable(message: str) -> str:
    if len(message) > _LONGEST_MESSAGE:
        half = _LONGEST_MESSAGE // 2
        message = f"{message[:half]} [...] {message[-half:]}"
    if message.isprintable():
        return message
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in message)


@contextmanager
def naming(file: object, step: str | None = None) -> Iterator[None]:
    """Name the file that the errors within a `with` block are about.

    Parameters
    ----------
    step
        The pipeline step that writes it.

    Raises
    ------
    InputError
        In place of the one within, with the file before its message.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{file}: {error}", error.step or step) from None


def choices(names: Iterable[object]) -> str:
    """List valid choices for a message: sorted, separated by commas.

    Examples
    --------
    >>> choices(["voc", "coco"])
    'coco, voc'
    >>> choices([])
    '(none)'
    """
    return ", ".join(sorted(str(name) for name in names)) or "(none)"


def counted(count: int, noun: str) -> str:
    """Word a number of things whose plural ends in s.

    Examples
    --------
    >>> counted(1, "photograph"), counted(20, "photograph")
    ('1 photograph', '20 photographs')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def first_line(error: BaseException) -> str:
    """The first line of an error's message, shortened; libraries add their configuration or a stack in further lines.

    Examples
    --------
    >>> first_line(OSError("no answer."))
    'no answer'
    """
    line = str(error).strip().partition("\n")[0].rstrip(".")
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."


_EXPLANATIONS = {
    "missing": "it is missing",
    "literal_error": "choose {expected}",
    "greater_than": "it must be larger than {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than": "it must be smaller than {lt}",
    "less_than_equal": "it must be at most {le}",
    "too_short": "it needs {min_length} or more entries",
    "string_pattern_mismatch": "it needs at least one letter or digit",
    "int_from_float": "it must be an integer",
    "finite_number": "it must be a finite number",
}
"""Explanations by pydantic's error type, filled in from the error's context."""

_EXPECTED_VALUES = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "string": "a string",
    "tuple": "a list such as [a, b]",
    "list": "a list",
    "dict": "a mapping",
    "model": "a mapping",
}
"""Names of the expected values by the first word of pydantic's error type, such as `int_parsing`."""


def explain(problem: Mapping[str, Any]) -> str:
    """Explain a validation problem to someone who writes a parameter file or a data set.

    Pydantic's messages name Python types, which these users need not know.

    Parameters
    ----------
    problem
        An entry of pydantic's `ValidationError.errors()`.

    Returns
    -------
    A clause without a full stop; pydantic's message where there is no wording of ours.

    Examples
    --------
    >>> explain({"type": "greater_than_equal", "ctx": {"ge": 1}})
    'it must be at least 1'
    >>> explain({"type": "int_parsing"})
    'it must be an integer'
    """
    kind = problem["type"]
    if kind in _EXPLANATIONS:
        return _EXPLANATIONS[kind].format(**problem.get("ctx", {}))
    expected = _EXPECTED_VALUES.get(kind.partition("_")[0]) if kind.endswith(("_type", "_parsing")) else None
    return f"it must be {expected}" if expected else str(problem["msg"])
