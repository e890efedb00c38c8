"""The base class of all parameter sections, and the number types they share."""

import unicodedata
from typing import Annotated, Any, LiteralString, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1, le=1_000_000_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Passes = Annotated[int, Field(ge=1, le=100_000)]
"""Repetitions of a computation; more would not end."""
Penalty = Annotated[float, Field(ge=0, le=1e6)]
PositivePenalty = Annotated[float, Field(ge=1e-12, le=1e6)]
"""Weights of penalties; float32 still holds what they are multiplied with."""
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]  # what scikit-learn takes
Name = Annotated[str, Field(pattern=r"\w")]

LARGEST = 2**63 - 1
"""Largest integer; arrays hold no larger ones."""

TOO_LARGE: LiteralString = "it is too large"

LONGEST = 4096
"""Characters of the longest text, as those of a path."""

NO_FILE = "data/source/README.md"
"""Default of parameters that name a file: DVC can only depend on files that exist."""


class Section(BaseModel):
    """A section of the parameters: frozen, and closed to unknown keys.

    In `params.yaml`, the docstring of a subclass is the comment of its section and the docstrings of its attributes are
    the comments of its keys.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_usable(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse values of the right type that no step could use, and true for a number, which pydantic takes for 1."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and bool in (annotation, *get_args(annotation)):
            return value
        is_section = isinstance(annotation, type) and issubclass(annotation, BaseModel)  # which checks its own values
        problem = None if is_section else _problem(value)
        if problem is not None:
            raise PydanticCustomError("unusable", problem)
        return value


def _problem(value: Any) -> LiteralString | None:
    """Explain why no step could use a value, or one in a list or mapping; None if nothing is wrong."""
    if isinstance(value, dict | list | tuple):
        values = value.values() if isinstance(value, dict) else value
        return next(filter(None, map(_problem, values)), None)
    if isinstance(value, set):  # its order changes from run to run
        return "it must be a list such as [a, b]"
    if isinstance(value, bytes):
        return "it must be a string"
    if isinstance(value, bool):
        return "it must be a number, not true or false"
    if isinstance(value, int) and abs(value) > LARGEST:
        return TOO_LARGE
    if isinstance(value, str) and not value.strip():
        return "it needs at least one letter or digit"
    if isinstance(value, str) and len(value) > LONGEST:
        return "it is too long"
    if isinstance(value, str) and any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        return "it must not have control characters"
    return None
