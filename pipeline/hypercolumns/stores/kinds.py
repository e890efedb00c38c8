"""The kinds of stores by the attribute `schema` of their folder: a new kind is one more entry here."""

from dataclasses import dataclass

from hypercolumns.errors import InputError, choices
from hypercolumns.stores.consistency import (
    Check,
    check_detector,
    check_features,
    check_grid,
    check_heat_maps,
    check_proposals,
)
from hypercolumns.stores.versions import refusal


@dataclass(frozen=True)
class Kind:
    """A kind of store in its present version."""

    name: str
    """The attribute `schema` up to the slash."""
    version: int
    """The attribute `schema` from the slash on."""
    words: str
    """For messages."""
    step: str
    """The stage of the pipeline that writes it."""
    definition: str
    """Name of its JSON schema."""
    check: Check
    """Compares what a JSON schema cannot express."""

    @property
    def schema(self) -> str:
        """The attribute `schema`."""
        return f"{self.name}/{self.version}"


KINDS = (
    Kind("hypercolumns-features", 4, "feature store", "extract", "features", check_features),
    Kind("hypercolumns-proposals", 3, "proposal store", "propose", "proposals", check_proposals),
    Kind("hypercolumns-detector", 1, "detector", "detector", "detector", check_detector),
    Kind("hypercolumns-grid", 3, "model", "train", "grid", check_grid),
    Kind("hypercolumns-heat-maps", 3, "store of heat maps", "predict", "heat-maps", check_heat_maps),
)


def find_kind(schema: str | None) -> Kind:
    """Find the kind of a store by its attribute `schema`.

    Raises
    ------
    InputError
        If there is no such kind, or the store is of another version; it says what to do. The message is a clause that
        follows the name of the store.

    Examples
    --------
    >>> find_kind("hypercolumns-features/4").words
    'feature store'
    """
    for kind in KINDS:
        if schema and schema.rpartition("/")[0] == kind.name:
            if clause := refusal(schema, kind.schema, kind.words, kind.step):
                raise InputError(f"{clause}.")
            return kind
    raise InputError(
        f"is not a store of hypercolumns: its attribute 'schema' is {schema!r}, not one of "
        f"{choices(kind.schema for kind in KINDS)}."
    )
