"""Names of categories, keypoints and parts from outside: whether tables and messages can show them."""

import unicodedata

from hypercolumns.errors import InputError

_LONGEST = 200
"""In characters."""


def require_name(name: str, owner: str) -> None:
    """Refuse a name that cannot be shown; `owner`, the thing of that name, begins the message.

    Raises
    ------
    InputError
        If it is blank, has more than 200 characters, or has control characters such as line breaks or halves of
        characters, which cannot be written.

    Examples
    --------
    >>> require_name("potted plant", "a.json: a category")
    """
    if not name.strip():
        raise InputError(f"{owner} has no name.")
    if len(name) > _LONGEST:
        raise InputError(f"{owner} has the name {name[:20]!r}... of {len(name)} characters, more than {_LONGEST}.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise InputError(f"{owner} has the name {name!r}, which has control characters.")
