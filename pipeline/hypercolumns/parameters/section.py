"""The base class of all parameter sections, and the number types they share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"\w")]

NO_FILE = "data/source/README.md"
"""Default of parameters that name a file: DVC can only depend on files that exist."""


class Section(BaseModel):
    """A section of the parameters: frozen, and closed to unknown keys.

    In `params.yaml`, the docstring of a subclass is the comment of its section and the docstrings of its attributes are
    the comments of its keys.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
