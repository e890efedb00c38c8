"""Imports without garbage collection."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Collect no garbage in a `with` block of imports, and never look at what they made.

    Modules stay to the end of the process, yet looking through them takes a third of a second while they load and
    again at the exit, and in forked workers it copies the memory that they share.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
