"""Malformed items of a data set: the first one raises its error, or all are left out and counted."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from hypercolumns.annotations.files import Item, Result, map_in_threads
from hypercolumns.errors import InputError

_MAX_LOGGED = 20
"""Number of items named in the log; the others are only counted."""

logger = logging.getLogger(__name__)


class BadItems:
    """Collector of the malformed items in one split of a data set.

    An item is the smallest thing that can be left out alone: a part, an object, or an image whose annotation
    cannot be read at all. Several threads may share a collector.

    Parameters
    ----------
    skip
        Leave malformed items out and count them; otherwise the first one ends the reading.

    Examples
    --------
    >>> bad_items = BadItems(skip=True)
    >>> with bad_items.catch():
    ...     raise InputError("Object 3 has no mask.")
    >>> bad_items.count
    1
    """

    def __init__(self, skip: bool) -> None:
        self.skip = skip
        self._messages: list[str] = []

    @property
    def count(self) -> int:
        """Number of items left out so far."""
        return len(self._messages)

    @contextmanager
    def catch(self) -> Iterator[None]:
        """Catch the `InputError` of one item if malformed items are skipped; let it pass otherwise.

        Raises
        ------
        InputError
            The error of the item, unless `skip` is set.
        """
        try:
            yield
        except InputError as error:
            if not self.skip:
                raise
            self._messages.append(str(error))
            if self.count <= _MAX_LOGGED:
                logger.warning("Left out: %s", error)
            if self.count == _MAX_LOGGED + 1:
                logger.warning("More items are left out; they are counted but not listed.")

    def map_in_threads(
        self, function: Callable[[Item], Result], items: Sequence[Item], description: str
    ) -> list[Result]:
        """Apply `function` to every item as `files.map_in_threads` does, and leave out the results of malformed items.

        Raises
        ------
        InputError
            The first error of `function`, in the order of the items, unless `skip` is set.
        """

        def result_or_none(item: Item) -> Result | None:
            with self.catch():
                return function(item)
            return None

        results = map_in_threads(result_or_none, items, description)
        return [result for result in results if result is not None]
