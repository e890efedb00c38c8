"""A prefix of an object store as a place: S3, Google Cloud Storage or Azure, and HTTPS for reading, by `obstore`."""

import os
import random
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from hypercolumns.errors import InputError, choices, first_line
from hypercolumns.input_files import too_large

SCHEMES = ("s3", "gs", "az", "https", "http")
"""Protocols of addresses. HTTP and HTTPS servers are read and not written."""

_CLIENT = {"timeout": "300s", "read_timeout": "30s", "connect_timeout": "10s"}
"""The first one includes the body of a request or an answer, such as a shard of some 100 MB."""

_ATTEMPTS = 5
"""Times that a request is made, each with the retries of `obstore` itself, which do not cover a server that resets the
connection or does not answer a writing request in time, or that ends in the middle of an answer."""

_PAUSE = 0.2
"""Seconds before the second attempt; doubled for each further one."""

_PANIC = "PanicException"
"""Name of the type that `obstore` raises for some short answers; it is not an `Exception`."""

_NO_BUCKET = ("NoSuchBucket", "The specified bucket does not exist", "ContainerNotFound")
"""Words in the answers of S3, Google Cloud Storage and Azure for a bucket that does not exist."""

_REFUSALS = ("status code: 401", "status code: 403")
"""Words in errors of `obstore` for refused listings, which do not have a type for that."""

REQUESTS_AT_ONCE = 16
"""Requests that a process makes side by side, where one asks for a file each."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class StoredObject:
    """Size and time of an object, as a listing gives them."""

    size: int
    """In bytes."""
    written: datetime
    """When it was written, by the clock of the object store; has a time zone."""


@dataclass(frozen=True)
class Bucket:
    """The objects whose names begin with a prefix; see `place.Place`. Made with `at`.

    Credentials, region and endpoint come from the environment alone, such as `AWS_ACCESS_KEY_ID`, `AWS_REGION` and
    `AWS_ENDPOINT_URL`; no address holds any.
    """

    address: str

    def __str__(self) -> str:
        return self.address

    @classmethod
    def at(cls, address: str) -> "Bucket":
        """Find the place at an address, without a request.

        Raises
        ------
        InputError
            If the address is malformed or holds credentials, or `obstore` is not installed.
        """
        try:
            parts = urlsplit(address)
            has_credentials, port = "@" in parts.netloc, parts.port
        except ValueError as error:
            raise InputError(f"{address!r} is not an address: {error}.") from None
        if has_credentials or parts.query or parts.fragment:
            shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
            raise InputError(
                f"The address {shown} comes with credentials or options; set these in the environment, such as "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, where no file and no log shows them."
            )
        if parts.scheme not in SCHEMES or not parts.netloc:
            raise InputError(
                f"{address!r} is not an address of an object store; it begins with {choices(SCHEMES)}, such as "
                "s3://bucket/folder."
            )
        if fault := _ambiguity(address, parts.path, None if parts.scheme.startswith("http") else port):
            raise InputError(f"The address {address!r} contains {fault}; write it like s3://bucket/folder.")
        try:
            import obstore  # noqa: F401 - 30 MB, which only places like this need
        except ImportError:
            raise InputError(
                f"{address} is reached by the package obstore, which is not installed: `pip install "
                "'hypercolumns[remote]'`."
            ) from None
        return cls(f"{parts.scheme}{address[len(parts.scheme) :]}".rstrip("/"))

    def below(self, name: str) -> "Bucket":
        """The place with a longer prefix."""
        return Bucket(f"{self.address}/{name}")

    def read(self, name: str) -> bytes:
        """Read an object."""
        import obstore

        def get(store: Any) -> bytes:
            answer = obstore.get(store, name)
            if fault := too_large(answer.meta["size"]):
                raise OSError(f"it {fault}")
            return _complete(bytes(answer.bytes()), answer.meta["size"])

        return self._ask(get, name)

    def read_ranges(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Read parts of an object; those that are close to each other in one request."""
        import obstore

        starts, ends = [start for start, _ in ranges], [stop for _, stop in ranges]
        if not ranges:
            return []

        def get(store: Any) -> list[bytes]:
            parts = [bytes(part) for part in obstore.get_ranges(store, name, starts=starts, ends=ends)]
            # Short answers are not noticed otherwise.
            return [_complete(part, stop - start) for part, (start, stop) in zip(parts, ranges, strict=True)]

        return self._ask(get, name)

    def read_end(self, name: str, length: int) -> bytes:
        """Read the last bytes of an object."""
        import obstore

        return self._ask(lambda s: bytes(obstore.get(s, name, options={"range": {"suffix": length}}).bytes()), name)

    def write(self, name: str, *content: bytes) -> None:
        """Write an object, replacing an older one."""
        import obstore
        from obstore.exceptions import GenericError

        whole = content[0] if len(content) == 1 else b"".join(content)

        def put(store: Any) -> None:
            try:
                obstore.put(store, name, whole)
            except FileNotFoundError as error:  # about the parts, after the last answer was lost
                raise GenericError(str(error)) from None

        self._ask(put, name)

    def create(self, name: str, content: bytes) -> bool:
        """Write an object unless there is one, by a conditional request."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, GenericError

        def put(store: Any) -> bool:
            try:
                obstore.put(store, name, content, mode="create")
            except AlreadyExistsError:
                try:
                    # The answer to an earlier attempt may have been lost.
                    return bytes(obstore.get(store, name).bytes()) == content
                except FileNotFoundError:  # another one was about to write, and has not
                    raise GenericError("it was not written") from None
            return True

        return self._ask(put, name)

    def sizes(self, names: Collection[str] | None = None) -> dict[str, int]:
        """Sizes of objects by name; a single name is asked for, as are all names where the server cannot list."""
        if names is not None and (len(names) == 1 or self.address.startswith("http")):
            with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
                found = zip(names, pool.map(self._size, names), strict=True)
                return {name: size for name, size in found if size is not None}

        listed = {name: found.size for name, found in self.objects().items()}
        return listed if names is None else {name: listed[name] for name in names if name in listed}

    def objects(self) -> dict[str, StoredObject]:
        """List all objects by name."""
        import obstore

        def list_all(store: Any) -> dict[str, StoredObject]:
            entries = (entry for batch in obstore.list(store, chunk_size=1000) for entry in batch)
            return {entry["path"]: StoredObject(entry["size"], entry["last_modified"]) for entry in entries}

        return self._ask(list_all, "")

    def delete(self, names: Iterable[str] | None = None) -> None:
        """Delete objects."""
        import obstore

        for chosen in _batches(list(self.sizes() if names is None else names), 1000):
            with suppress(FileNotFoundError):
                self._ask(partial(obstore.delete, paths=chosen), "")

    def _size(self, name: str) -> int | None:
        import obstore

        try:
            return int(self._ask(lambda store: obstore.head(store, name)["size"], name))
        except FileNotFoundError:
            return None

    def _ask(self, request: Callable[[Any], Answer], name: str) -> Answer:
        """Make a request, again after a fault that may pass. That the bucket does not exist is a fault that does not.

        Raises
        ------
        FileNotFoundError
            If there is no such object.
        PlaceError
            If the object store cannot be reached, or refuses.
        """
        from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError

        place = f"{self.address}/{name}" if name else self.address
        try:
            store = _connect(self.address, os.getpid())
        except (BaseError, ValueError) as error:  # the environment lacks something, or no host has such a name
            raise PlaceError(
                place,
                f"the address or the environment cannot be used: {first_line(error)}",
                "run again when they are corrected",
            ) from None
        for attempt in range(_ATTEMPTS):
            try:
                return request(store)
            except (NotFoundError, FileNotFoundError) as error:
                self._require_bucket(error)
                raise FileNotFoundError(f"{place} does not exist") from None
            except (PermissionDeniedError, UnauthenticatedError) as error:
                raise _refused(place, error) from None
            except BaseException as error:
                if not isinstance(error, BaseError) and type(error).__name__ != _PANIC:
                    raise
                self._require_bucket(error)
                if any(status in str(error) for status in _REFUSALS):
                    raise _refused(place, error) from None
                if attempt == _ATTEMPTS - 1:
                    fault = f"the object store does not answer as it should: {first_line(error)}"
                    raise PlaceError(place, fault) from None
                time.sleep(_PAUSE * 2**attempt * (1 + random.random()))  # noqa: S311 - not a secret
        raise AssertionError

    def _require_bucket(self, error: BaseException) -> None:
        """Refuse if an error says that there is no such bucket, which would otherwise read as a missing object."""
        if any(code in str(error) for code in _NO_BUCKET):
            raise PlaceError(
                self.address,
                f"there is no bucket {urlsplit(self.address).netloc}",
                "run again when the bucket exists, or with another address",
            ) from None


class PlaceError(Exception):
    """An object store cannot be reached, or refuses a request.

    Not an `OSError`: those of a file say that it is missing or damaged, and what it held would be computed again.
    """

    def __init__(self, place: str, fault: str, advice: str = "run again when the object store can be reached") -> None:
        super().__init__(f"{place}: {fault}")
        self.place, self.fault, self.advice = place, fault, advice

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the call that made it, since workers raise it and clients report it."""
        return type(self), (self.place, self.fault, self.advice)


def _refused(place: str, error: BaseException) -> PlaceError:
    return PlaceError(
        place,
        f"the object store refuses access: {first_line(error)}",
        "run again when the credentials in the environment give access",
    )


@lru_cache(maxsize=256)
def _connect(address: str, process: int) -> Any:
    """Open the store at an address; a forked process opens its own."""
    from datetime import timedelta

    from obstore.store import from_url

    del process
    return from_url(  # type: ignore[call-overload]
        address,
        # Options given here replace those of the environment.
        client_options={**_CLIENT, "allow_http": _allows_http()},
        retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=120)},
    )


def _ambiguity(address: str, path: str, port: int | None) -> str | None:
    """Say what lets an address be the same place as one that is written otherwise; None if nothing does.

    `obstore` follows the rules of URLs, by which it drops such parts. What is deleted depends on which addresses are
    equal.
    """
    if not address.isprintable() or address != address.strip():
        return "characters that cannot be printed, or spaces around it"
    names = [unquote(name) for name in path.rstrip("/").split("/")[1:]]
    if ".." in names or "." in names:
        return "'..'" if ".." in names else "'.' as the name of a folder"
    if "" in names:
        return "'//' in its path"
    if any("/" in name for name in names):
        return "an encoded '/'"
    return None if port is None else f"the port {port}, which is set in the environment, such as in AWS_ENDPOINT_URL"


def _allows_http() -> bool:
    return any(os.environ.get(f"{name}_ALLOW_HTTP", "").lower() in ("1", "true") for name in ("AWS", "GOOGLE", "AZURE"))


def _complete(content: bytes, size: int) -> bytes:
    from obstore.exceptions import GenericError

    if len(content) != size:
        raise GenericError(f"{len(content)} of {size} bytes came")
    return content


def _batches(items: list[str], size: int) -> list[list[str]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
