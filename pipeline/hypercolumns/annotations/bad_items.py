"""Malformed items of a data set: the first one raises its error, or all are left out and counted by reason."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from hypercolumns.annotations.files import Item, Result, map_in_threads
from hypercolumns.errors import InputError

_MAX_LOGGED = 3
"""Number of items of each reason that the log names; the others are only counted."""

logger = logging.getLogger(__name__)


class BadItems:
    """Collector of the malformed items in one split of a data set.

    An item is the smallest thing that can be left out alone: a flag, the keypoints of an object, a part, an object, or
    an image whose annotation cannot be read at all. Several threads may share a collector.

    Parameters
    ----------
    skip
        Leave malformed items out and count them; otherwise the first one that is needed ends the reading.
    tasks
        The wanted tasks. Items that only other tasks need are always left out and counted.

    Examples
    --------
    >>> bad_items = BadItems(skip=False, tasks=["segmentation"])
    >>> with bad_items.catch("malformed_keypoints", needed_by="keypoints"):
    ...     raise InputError("Object 3 has 5 keypoint values.")
    >>> dict(bad_items.counts)
    {'malformed_keypoints': 1}
    """

    def __init__(self, skip: bool, tasks: Collection[str]) -> None:
        self.skip = skip
        self.tasks = frozenset(tasks)
        self.counts: Counter[str] = Counter()
        """Number of items left out so far, by reason."""
        self.first_message = ""
        """Message of the first one."""
        self._lock = Lock()

    @contextmanager
    def catch(self, reason: str, needed_by: str | None = None) -> Iterator[None]:
        """Catch the `InputError` of one item if it is to be left out; let it pass otherwise.

        Parameters
        ----------
        reason
            Key of `counts`.
        needed_by
            The only task that needs the item; None if every task does.

        Raises
        ------
        InputError
            The error of the item, unless `skip` is set or no wanted task needs the item.
        """
        try:
            yield
        except InputError as error:
            if not self.skip and (needed_by is None or needed_by in self.tasks):
                raise
            self.leave_out(reason, str(error))

    def leave_out(self, reason: str, message: str) -> None:
        """Count and log an item that no task needs, such as a flag that cannot be read."""
        with self._lock:
            self.counts[reason] += 1
            self.first_message = self.first_message or message
            count = self.counts[reason]
        if count <= _MAX_LOGGED:
            logger.warning("Left out: %s", message)
        if count == _MAX_LOGGED + 1:
            logger.warning("Left out: more %s, which are counted but not listed.", reason.replace("_", " "))

    def map_in_threads(
        self, function: Callable[[Item], Result], items: Sequence[Item], description: str, reason: str
    ) -> list[Result]:
        """Apply `function` to every item as `files.map_in_threads` does, and leave out the results of malformed items.

        Raises
        ------
        InputError
            The first error of `function`, in the order of the items, unless `skip` is set.
        """

        def result_or_none(item: Item) -> Result | None:
            with self.catch(reason):
                return function(item)
            return None

        results = map_in_threads(result_or_none, items, description)
        return [result for result in results if result is not None]
