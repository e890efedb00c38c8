"""Options that several commands share."""

import click

ANNOTATIONS = click.option(
    "--annotations", type=click.Path(), help="File of annotations, for a store that is not in a workspace."
)


def split_names(text: str | None) -> list[str] | None:
    """Split names that are separated by commas; None without any.

    Examples
    --------
    >>> split_names("stage3, stage4"), split_names(None)
    (['stage3', 'stage4'], None)
    """
    return [name.strip() for name in text.split(",")] if text else None
