"""The versions of a schema: only the present one is read."""


def refusal(found: str | None, expected: str, words: str, step: str) -> str | None:
    """Say why a store cannot be read, as a clause that follows its name, or return None if it can.

    Parameters
    ----------
    found
        Its attribute `schema`.
    expected
        The one that is read.
    words
        The kind of store.
    step
        The stage that writes it.

    Examples
    --------
    >>> refusal("hypercolumns-grid/3", "hypercolumns-grid/3", "model", "train")
    >>> refusal("grid/3", "grid/2", "model", "train")
    "is a model that a newer version of hypercolumns wrote ('grid/3', not 'grid/2'); update it"
    """
    if found == expected:
        return None
    name, version = _split(found)
    expected_name, expected_version = _split(expected)
    if name != expected_name or not version:
        return f"is not a {words}: its attribute 'schema' is {found!r}, not {expected!r}"
    versions = f"({found!r}, not {expected!r})"
    if version > expected_version:
        return f"is a {words} that a newer version of hypercolumns wrote {versions}; update it"
    return f"is a {words} of an older version {versions}; run the stage {step!r} again, which replaces it"


def _split(schema: str | None) -> tuple[str, int]:
    """Name and version of a schema; version 0 if there is none."""
    name, _, version = (schema if isinstance(schema, str) else "").rpartition("/")
    return name, int(version) if version.isdecimal() and len(version) < 10 else 0
