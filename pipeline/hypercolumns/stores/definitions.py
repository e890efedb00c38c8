"""The JSON schemas (draft 2020-12) of stores and of their manifest, which are files beside this module."""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

FOLDER = Path(__file__).parent / "schemas"
"""Folder of the schemas: `store` has what all kinds of stores share and the others refer to."""

_SHARED = "store"
_SUFFIX = ".schema.json"
_LONGEST_MESSAGE = 200
"""In characters; messages repeat the value that they are about."""


def names() -> list[str]:
    """Names of the schemas, sorted."""
    return sorted(file.name.removesuffix(_SUFFIX) for file in FOLDER.glob(f"*{_SUFFIX}"))


@lru_cache
def validator(name: str) -> Draft202012Validator:
    """Make the validator of a schema, such as `features` for the root metadata of a feature store."""
    shared, schema = (json.loads((FOLDER / f"{found}{_SUFFIX}").read_text()) for found in (_SHARED, name))
    return Draft202012Validator(schema if name == _SHARED else {**schema, "$defs": {_SHARED: shared}})


def faults(name: str, content: Any) -> Iterator[str]:
    """Yield one line for each place where parsed JSON differs from a schema.

    Examples
    --------
    >>> list(faults("manifest", {"schema": "hypercolumns-manifest/2", "files": {"a": [-1, "0" * 64]}, "crc32c": ""}))
    ['files/a/0: -1 is less than the minimum of 0', "crc32c: '' does not match '^[0-9a-f]{8}$'"]
    """
    seen = set()
    for error in validator(name).iter_errors(content):
        line = _line(error)
        if line not in seen:  # schemas repeat what they refer to
            seen.add(line)
            yield line


def _line(error: ValidationError) -> str:
    place = "/".join(map(str, error.absolute_path))
    message = error.message
    if len(message) > _LONGEST_MESSAGE:
        half = _LONGEST_MESSAGE // 2
        message = f"{message[:half]} [...] {message[-half:]}"
    return f"{place}: {message}" if place else message
