"""Writing a store at once, so that it replaces an older one when it is complete."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypercolumns.places.atomic import PART
from hypercolumns.scratch.publishing import publish
from hypercolumns.stores.writing import StoreWriter


@contextmanager
def replacing(path: Path) -> Iterator[StoreWriter]:
    """Yield the writer of a store that appears at `path` when the block succeeds; until then the old one stays."""
    draft = path.with_name(f".{path.name}{PART}")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        with StoreWriter(draft) as writer:
            yield writer
        publish(draft, path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
