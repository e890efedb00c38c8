"""Open the pipeline's Zarr groups (features, proposals, models, heat maps) and check their schema version."""

from pathlib import Path

import zarr
from zarr.errors import BaseZarrError

from hypercolumns.errors import InputError


def open_group(path: Path, schema: str, kind: str, step: str) -> zarr.Group:
    """Open the group at `path` for reading and check that its attribute `schema` is `schema`.

    Parameters
    ----------
    path
        Folder of the group.
    schema
        Expected name and version of the schema.
    kind
        The expected content in words, for messages.
    step
        The pipeline step that writes it.

    Raises
    ------
    InputError
        When `path` does not exist, is not a Zarr group or has another schema.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist.", step)
    try:
        group = zarr.open_group(path, mode="r")
    except (BaseZarrError, OSError, ValueError, KeyError):
        raise InputError(f"{path} is not a {kind}: it is not a readable Zarr group.", step) from None
    found = group.attrs.get("schema")
    if found != schema:
        raise InputError(
            f"{path} is not a {kind} of this version: its attribute 'schema' is {found!r}, not {schema!r}.", step
        )
    return group


def array(group: zarr.Group, name: str) -> zarr.Array:
    """Return an array of `group` that the schema guarantees to exist."""
    found = group[name]
    assert isinstance(found, zarr.Array)  # noqa: S101 - by the schema
    return found
