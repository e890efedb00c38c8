"""What becomes of malformed items of a data set: an error, or left out and counted."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from hypercolumns.errors import InputError

_SHOWN = 20
"""Items left out that are named in the log; all are counted."""

logger = logging.getLogger(__name__)


class BadItems:
    """The malformed items of one split of a data set: the first one ends the reading, unless `skip`.

    An item is the smallest thing that can be left out alone: a part, an object, or an image whose annotation cannot be
    read at all. Threads may share one.
    """

    def __init__(self, skip: bool) -> None:
        self.skip = skip
        self._messages: list[str] = []

    @property
    def count(self) -> int:
        """How many items were left out."""
        return len(self._messages)

    @contextmanager
    def item(self) -> Iterator[None]:
        """Around the reading of one item; what was wrong with it is an `InputError`."""
        try:
            yield
        except InputError as error:
            if not self.skip:
                raise
            self._messages.append(str(error))
            if self.count <= _SHOWN:
                logger.warning("Left out: %s", error)
            if self.count == _SHOWN + 1:
                logger.warning("Left out: more, which are counted only.")
