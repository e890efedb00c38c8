"""Opening what the pipeline keeps as Zarr groups: features, proposals, models, each of a schema with a version."""

from pathlib import Path

import zarr
from zarr.errors import BaseZarrError

from hypercolumns.errors import InputError


def open_group(path: Path, schema: str, kind: str, step: str) -> zarr.Group:
    """Open the group at `path` for reading; its attribute `schema` must be `schema`.

    Parameters
    ----------
    kind
        What should be there, in words, for messages.
    step
        The step of the pipeline that writes it.

    Raises
    ------
    InputError
        When there is nothing at `path`, no Zarr group, or one of another schema.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist.", step)
    try:
        group = zarr.open_group(path, mode="r")
    except (BaseZarrError, OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} is not a {kind}: it holds no readable Zarr group ({error}).", step) from None
    found = group.attrs.get("schema")
    if found != schema:
        raise InputError(
            f"{path} is not a {kind} of this version: its attribute 'schema' is {found!r}, not {schema!r}.", step
        )
    return group


def array(group: zarr.Group, name: str) -> zarr.Array:
    """An array that the schema of `group` promises."""
    found = group[name]
    assert isinstance(found, zarr.Array)  # noqa: S101 - the schema says so
    return found
