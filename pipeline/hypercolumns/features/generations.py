"""The stores below `.scratch` that were or are being extracted for one place: the last one, and unfinished ones."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hypercolumns.features.known_blocks import EarlierStore, is_complete, is_finished, is_intact
from hypercolumns.features.schema import Shapes
from hypercolumns.scratch.checked_files import load_arrays, save_arrays
from hypercolumns.scratch.digests import code_digest
from hypercolumns.stores.references import is_reference, place_of

_STORE, _DIGESTS, _SPOOL, _DAMAGED = "store.zarr", "digests.npz", "spool", "damaged"


class Generations:
    """A folder with a subfolder for each store, named by the code and by the key of the store.

    Use it in a `with` block, which deletes all but the current generation when it ends without an error. The caller
    holds the scratch folder.

    Parameters
    ----------
    folder
        Folder of the generations.
    key
        Key of the store that is to be extracted now.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder
        self._current = folder / f"{code_digest()[:16]}-{key[:32]}"
        self._current.mkdir(parents=True, exist_ok=True)

    @property
    def name(self) -> str:
        """Name of the current generation, which tells code and key."""
        return self._current.name

    @property
    def store(self) -> Path:
        """The current store."""
        return self._current / _STORE

    @property
    def spool(self) -> Path:
        """Folder for the blocks of whole photographs."""
        return self._current / _SPOOL

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        for path in (*self._folder.iterdir(), *self._current.iterdir()):
            if path not in (self._current, self.store):
                shutil.rmtree(path, ignore_errors=True)
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def is_complete(self) -> bool:
        """Whether the current store is complete; a damaged one, finished or not, is put aside for its intact blocks."""
        if is_intact(self.store):
            return is_complete(self.store)  # not if a run was killed after it had written the metadata
        aside = self._folder / f"{self._current.name}-{_DAMAGED}"
        shutil.rmtree(aside, ignore_errors=True)
        self._current.rename(aside)
        self._current.mkdir()
        return False

    def earlier(self, shapes: Shapes, digests: NDArray[np.uint8], others: Sequence[Path]) -> list[EarlierStore]:
        """Open what other generations of the same code, and `others`, may have in common with the current store.

        Parameters
        ----------
        shapes
            (channels, height, width) by layer of the current store.
        digests
            Digests of its regions, which are kept for later generations in case this one is not finished.
        others
            Further stores.
        """
        save_arrays(self._current / _DIGESTS, {"digests": digests})
        code = self._current.name.split("-")[0]
        folders = [f for f in self._folder.glob(f"{code}-*") if f != self._current]
        found = [EarlierStore.find(path, shapes, digests) for path in (*(f / _STORE for f in folders), *others)]
        found += [self._unfinished(folder, shapes) for folder in folders]
        return [store for store in found if store is not None]

    def of_same_code(self, *stores: Path) -> list[Path]:
        """Those of `stores` that lie in an object store below the name of a generation of the same code."""
        code = self.name.split("-")[0]
        return [path for path in stores if is_reference(path) and f"-{code}-" in place_of(path).address]

    def _unfinished(self, folder: Path, shapes: Shapes) -> EarlierStore | None:
        """Open what an interrupted run left: the shards, and the beginnings of shards, that it has written."""
        kept = load_arrays(folder / _DIGESTS)
        if kept is None or is_finished(folder / _STORE):
            return None
        return EarlierStore.seal(folder / _STORE, shapes, kept["digests"])
