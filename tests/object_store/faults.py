"""Faults of object stores and of the networks before them, and plans that say which request meets which."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["late", "delay", "error", "truncate", "cut", "stall", "hang", "close", "reset"]


@dataclass(frozen=True)
class Request:
    """What a plan knows of a request."""

    number: int
    """From 0, over all requests of the proxy."""
    attempt: int
    """From 0, over the requests with this method and target."""
    method: str
    target: str
    """Path and query."""
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    size: int = 0
    """Bytes of the body."""


@dataclass(frozen=True)
class Fault:
    """What happens to a request or to its answer."""

    name: str
    kind: Kind
    forwards: bool = True
    """Whether the server gets the request: what it writes is written, although the client does not learn of it."""
    status: int = 500
    code: str = "InternalError"
    """Status and S3's code of an error."""
    seconds: float = 0.0
    """Time to wait, for what is late."""

    def __str__(self) -> str:
        return self.name


INTERNAL_ERROR = Fault("500", "error", forwards=False)
UNAVAILABLE = Fault("503", "error", forwards=False, status=503, code="ServiceUnavailable")
SLOW_DOWN = Fault("503 SlowDown", "error", forwards=False, status=503, code="SlowDown")
TOO_MANY_REQUESTS = Fault("429 SlowDown", "error", forwards=False, status=429, code="SlowDown")
REQUEST_TIMEOUT = Fault("400 RequestTimeout", "error", forwards=False, status=400, code="RequestTimeout")
CONFLICT = Fault("409", "error", forwards=False, status=409, code="ConditionalRequestConflict")
CLOSED = Fault("closed", "close", forwards=False)
RESET = Fault("reset", "reset", forwards=False)
HANGS = Fault("hangs", "hang", forwards=False)

LOST_INTERNAL_ERROR = replace(INTERNAL_ERROR, name="500 after the write", forwards=True)
LOST_UNAVAILABLE = replace(UNAVAILABLE, name="503 after the write", forwards=True)
LOST_CLOSED = replace(CLOSED, name="closed after the write", forwards=True)
LOST_RESET = replace(RESET, name="reset after the write", forwards=True)
LOST_HANGS = replace(HANGS, name="hangs after the write", forwards=True)

CUT = Fault("cut", "cut")
"""Half the body, then a closed connection, under the length of the whole."""
STALLS = Fault("stalls", "stall")
"""Half the body, then nothing, under the length of the whole."""
TRUNCATED = Fault("truncated", "truncate")
"""Half the body under its own length: HTTP does not show it, `Content-Range` may."""

AFTER = (LOST_INTERNAL_ERROR, LOST_UNAVAILABLE, LOST_CLOSED, LOST_RESET, LOST_HANGS)
"""Faults that lose the answer alone."""
BODIES = (CUT, STALLS, TRUNCATED)
"""Faults of bodies that are read."""


def delay(seconds: float) -> Fault:
    """The server gets the request at once; the client gets the answer after this many seconds."""
    return Fault(f"answer {seconds} s late", "delay", seconds=seconds)


def late(seconds: float) -> Fault:
    """The server gets the request after this many seconds, even if the client has given it up."""
    return Fault(f"request {seconds} s late", "late", seconds=seconds)


Plan: TypeAlias = Callable[[Request], Fault | None]


def first(count: int, fault: Fault, method: str = "", part: str = "") -> Plan:
    """The first requests with a method and a part of the target, or with any; what follows passes."""
    return each([fault] * count, method, part)


def each(faults: Sequence[Fault | None], method: str = "", part: str = "") -> Plan:
    """One fault after another, for requests with a method and a part of the target, or with any; then none."""
    remaining = iter(faults)

    def plan(request: Request) -> Fault | None:
        if part in request.target and method in ("", request.method):
            return next(remaining, None)
        return None

    return plan


def always(fault: Fault, method: str = "", part: str = "") -> Plan:
    """Every request with a method and a part of the target, or with any."""
    return lambda request: fault if part in request.target and method in ("", request.method) else None


def seeded(seed: int, share: float, faults: Sequence[Fault], attempts: int = 3) -> Plan:
    """A share of the requests, drawn from method, target and attempt, and so the same in any order of threads.

    Parameters
    ----------
    attempts
        A request that repeats this many earlier ones passes: retries of a client are limited as well.
    """

    def plan(request: Request) -> Fault | None:
        if request.attempt >= attempts:
            return None
        name = f"{seed} {request.method} {request.target} {request.attempt}"
        digest = hashlib.sha256(name.encode()).digest()
        whether, which = (int.from_bytes(part, "big") for part in (digest[:4], digest[4:8]))
        return faults[which % len(faults)] if whether < share * 2**32 else None

    return plan
