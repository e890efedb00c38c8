"""The one error that is the user's to mend: bad input, said in one paragraph."""


class InputError(ValueError):
    """Input that cannot be used: a file, key or value from outside.

    The message names the file, key or value, says what is wrong with it and lists the valid choices
    where there are any. Commands print it without a traceback and exit with code 1.
    """


def choices(names: object) -> str:
    """Valid choices as they are listed in messages: sorted, separated by commas."""
    return ", ".join(sorted(str(name) for name in names)) if names else "(none)"  # type: ignore[attr-defined]
