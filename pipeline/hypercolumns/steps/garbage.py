"""Stores below an address that no project refers to, and shared work that later runs can do without."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from hypercolumns.annotations.photographs.of_images import PHOTOGRAPHS
from hypercolumns.places.bucket import Bucket, StoredObject
from hypercolumns.scratch.shared import SCRATCH
from hypercolumns.stores.manifest import NAME as MANIFEST
from hypercolumns.stores.references import FEATURES, PROPOSALS, is_store_name
from hypercolumns.stores.whole_shards import UNFINISHED_MANIFEST

_DIGEST = re.compile(r"(^|[/-])[0-9a-f]{16,64}(/|$)")
"""Part of the names of all shared work."""


@dataclass(frozen=True)
class Group:
    """Objects that are deleted together: a store, the copies of photographs, or shared work of one kind."""

    kind: str
    """Folder below the address."""
    name: str
    """Folder below that; empty for photographs."""
    place: Bucket
    objects: Mapping[str, StoredObject]
    """By name in the place; at least one."""

    @property
    def n_bytes(self) -> int:
        """Size of all objects."""
        return sum(found.size for found in self.objects.values())

    @property
    def written(self) -> datetime:
        """When its newest object was written."""
        return max(found.written for found in self.objects.values())

    def delete(self) -> None:
        """Delete the objects.

        The manifest goes first: what an interruption leaves counts as an unfinished store, and never as a complete one.

        Raises
        ------
        PlaceError
            If the object store cannot be reached, or refuses.
        """
        manifests = [name for name in (MANIFEST, UNFINISHED_MANIFEST) if name in self.objects]
        self.place.delete(manifests)
        self.place.delete(self.objects.keys() - set(manifests))


@dataclass(frozen=True)
class Garbage:
    """Groups that can be deleted below an address, and counts of those that cannot."""

    groups: tuple[Group, ...]
    """By kind and name."""
    n_referenced: int
    """Number of stores that are kept because a project refers to them."""
    n_recent: int
    """Number of groups that are kept because of their age alone."""


def find_garbage(storage: Bucket, referenced: Iterable[str], age: timedelta, *, shared: bool) -> Garbage:
    """List what is below an address and can be deleted.

    Objects whose names are not those that the pipeline gives are left alone.

    Parameters
    ----------
    storage
        Place of `compute.storage`.
    referenced
        Addresses of the stores to keep. One of HTTP may serve the same objects, and keeps a store of its name.
    age
        Groups that were written to more recently are kept, since a run may be at work on them.
    shared
        Whether copies of photographs and shared unfinished work can be deleted too; the next run makes them again.

    Raises
    ------
    PlaceError
        If the object store cannot be reached, or refuses.
    """
    addresses = {_parts(address) for address in referenced}
    served = {parts[-2:] for parts in addresses if parts[0].startswith("http")}
    kept = addresses | {(*_parts(storage.address), *parts) for parts in served}
    groups = [*_stores(storage), *(_shared_work(storage) if shared else ())]
    others = [group for group in groups if _parts(group.place.address) not in kept]
    latest = datetime.now(UTC) - age
    old = tuple(group for group in others if group.written <= latest)
    return Garbage(old, n_referenced=len(groups) - len(others), n_recent=len(others) - len(old))


def is_below(address: str, storage: str) -> bool:
    """Whether an address of an object store lies below another one.

    Examples
    --------
    >>> is_below("s3://bucket/runs/features/one", "s3://bucket/runs/"), is_below("s3://bucket/runs2", "s3://bucket/runs")
    (True, False)
    """
    outer = _parts(storage)
    return _parts(address)[: len(outer)] == outer


def _stores(storage: Bucket) -> Iterator[Group]:
    for kind in (FEATURES, PROPOSALS):
        for name, objects in _by_folder(storage.below(kind).objects()).items():
            if is_store_name(name):
                yield Group(kind, name, storage.below(f"{kind}/{name}"), objects)


def _shared_work(storage: Bucket) -> Iterator[Group]:
    photographs = {n: o for n, o in storage.below(PHOTOGRAPHS).objects().items() if _DIGEST.fullmatch(n)}
    if photographs:
        yield Group(PHOTOGRAPHS, "", storage.below(PHOTOGRAPHS), photographs)
    work = {n: o for n, o in storage.below(SCRATCH).objects().items() if _DIGEST.search(n)}
    for name, objects in _by_folder(work).items():
        yield Group(SCRATCH, name, storage.below(f"{SCRATCH}/{name}"), objects)


def _by_folder(objects: Mapping[str, StoredObject]) -> dict[str, dict[str, StoredObject]]:
    """Objects by the first part of their name and by the rest; those without a rest are left out."""
    found: defaultdict[str, dict[str, StoredObject]] = defaultdict(dict)
    for path, value in sorted(objects.items()):
        folder, _, name = path.partition("/")
        if name:
            found[folder][name] = value
    return dict(found)


def _parts(address: str) -> tuple[str, ...]:
    """Parts of an address, the same for all ways to write it."""
    return tuple(unquote(part) for part in address.split("/") if part)
