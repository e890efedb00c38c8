"""What obstore does about faults by itself, and what it leaves to its caller.

Every fault hits the first request of an operation; what follows passes.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from obstore.exceptions import AlreadyExistsError, GenericError, PreconditionError
from obstore.store import S3Store

from tests.object_store import faults
from tests.object_store.faults import AFTER, Fault, Plan, always, delay, first, late
from tests.object_store.proxy import FaultProxy, fault_proxy
from tests.object_store.server import S3Server

CONTENT = bytes(range(200))
LARGE = bytes(range(256)) * (6 * 2**20 // 256)
SECONDS = 0.4
"""Time-out of a request."""
PASSES: Plan = lambda _: None  # noqa: E731

RETRIED_STATUS = (faults.INTERNAL_ERROR, faults.UNAVAILABLE, faults.SLOW_DOWN, faults.TOO_MANY_REQUESTS)
LOST_STATUS = (faults.LOST_INTERNAL_ERROR, faults.LOST_UNAVAILABLE)
CONNECTION = (faults.CLOSED, faults.RESET, faults.HANGS)
LOST_CONNECTION = (faults.LOST_CLOSED, faults.LOST_RESET, faults.LOST_HANGS)
AMBIGUOUS = (faults.RESET, faults.HANGS, faults.LOST_RESET, faults.LOST_HANGS)
"""The client cannot know whether the server has the request, and does not repeat one that is not idempotent."""


@pytest.fixture
def proxy(bucket: S3Server) -> Iterator[FaultProxy]:
    with fault_proxy(bucket.endpoint) as running:
        yield running


def connect(bucket: S3Server, proxy: FaultProxy, retries: int = 3, seconds: float = SECONDS) -> S3Store:
    backoff = {"init_backoff": timedelta(milliseconds=5), "max_backoff": timedelta(milliseconds=20)}
    return S3Store(
        bucket.bucket,
        endpoint=proxy.endpoint,
        # These replace the client options of the environment, AWS_ALLOW_HTTP among them.
        client_options={"allow_http": True, "timeout": timedelta(seconds=seconds)},
        retry_config={"max_retries": retries, "backoff": backoff, "retry_timeout": timedelta(seconds=20)},
    )


@pytest.fixture
def store(bucket: S3Server, proxy: FaultProxy) -> S3Store:
    """With `key` in it."""
    made = connect(bucket, proxy)
    made.put("key", CONTENT)
    proxy.forget()
    return made


def content(store: S3Store, key: str) -> bytes | None:
    """The content of an object; None if it does not exist."""
    try:
        return bytes(store.get(key).bytes())
    except FileNotFoundError:
        return None


def wait_for(proxy: FaultProxy) -> None:
    """Wait until the request with a fault has reached the server."""
    end = time.monotonic() + 10
    while not proxy.injected and time.monotonic() < end:
        time.sleep(0.01)


READS: dict[str, Callable[[S3Store], object]] = {
    "get": lambda store: bytes(store.get("key").bytes()),
    "range": lambda store: bytes(store.get_range("key", start=20, length=100)),
    "suffix": lambda store: bytes(store.get("key", options={"range": {"suffix": 30}}).bytes()),
    "ranges": lambda store: [bytes(r) for r in store.get_ranges("key", starts=[0, 150], lengths=[5, 7])],
    "head": lambda store: store.head("key"),
    "list": lambda store: store.list().collect(),
}


@pytest.mark.parametrize("fault", [*RETRIED_STATUS, *CONNECTION, *AFTER, delay(3 * SECONDS)], ids=str)
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_reads_are_repeated(store: S3Store, proxy: FaultProxy, read: Callable[[S3Store], object], fault: Fault) -> None:
    expected = read(store)
    proxy.forget()
    proxy.plan = first(1, fault)
    assert read(store) == expected
    assert (len(proxy.requests), proxy.injected) == (2, [fault])


@pytest.mark.parametrize("fault", [faults.CUT, faults.STALLS], ids=str)
@pytest.mark.parametrize("read", ["get", "range", "suffix", "ranges"])
def test_bodies_are_continued_where_they_broke_off(store: S3Store, proxy: FaultProxy, read: str, fault: Fault) -> None:
    expected = READS[read](store)
    proxy.forget()
    proxy.plan = first(1, fault)
    assert READS[read](store) == expected
    assert "range" in proxy.requests[1].headers


def test_a_continued_body_is_not_mixed_from_two_versions(store: S3Store, proxy: FaultProxy, bucket: S3Server) -> None:
    direct = S3Store(bucket.bucket)

    def replaced_between(request: faults.Request) -> Fault | None:
        if request.number:
            direct.put("key", bytes(200))
        return faults.CUT if request.number == 0 else None

    proxy.plan = replaced_between
    with pytest.raises(GenericError):
        store.get("key").bytes()


@pytest.mark.parametrize("fault", [faults.CUT, faults.STALLS, faults.TRUNCATED], ids=str)
def test_broken_lists_fail_without_a_repetition(store: S3Store, proxy: FaultProxy, fault: Fault) -> None:
    proxy.plan = first(1, fault)
    with pytest.raises(GenericError):
        store.list().collect()
    assert len(proxy.requests) == 1


def test_a_body_shorter_than_asked_for_is_returned_without_an_error(store: S3Store, proxy: FaultProxy) -> None:
    """Callers compare lengths."""
    proxy.plan = first(2, faults.TRUNCATED)
    assert bytes(store.get_range("key", start=20, length=100)) == CONTENT[20:70]
    assert bytes(store.get("key").bytes()) == CONTENT[:100]


def test_a_400_is_not_repeated(store: S3Store, proxy: FaultProxy) -> None:
    """Not even S3's RequestTimeout, which asks for it."""
    proxy.plan = first(1, faults.REQUEST_TIMEOUT)
    with pytest.raises(GenericError, match="RequestTimeout"):
        store.get("key")


@pytest.mark.parametrize("fault", [*RETRIED_STATUS, *CONNECTION, *AFTER, delay(3 * SECONDS)], ids=str)
@pytest.mark.parametrize("key", ["key", "new"])
def test_an_unconditional_put_is_repeated(store: S3Store, proxy: FaultProxy, fault: Fault, key: str) -> None:
    proxy.plan = first(1, fault, "PUT")
    store.put(key, b"content")
    assert len(proxy.requests) == 2
    assert content(store, key) == b"content"


@pytest.mark.parametrize("fault", [*RETRIED_STATUS, faults.CLOSED], ids=str)
def test_a_conditional_put_that_the_server_did_not_get_is_repeated(
    store: S3Store, proxy: FaultProxy, fault: Fault
) -> None:
    proxy.plan = first(1, fault, "PUT")
    store.put("new", b"content", mode="create")
    assert content(store, "new") == b"content"
    version = store.head("new")
    proxy.plan = first(1, fault, "PUT")
    store.put("new", b"other", mode={"e_tag": version["e_tag"]})
    assert content(store, "new") == b"other"


@pytest.mark.parametrize("fault", [*LOST_STATUS, faults.LOST_CLOSED], ids=str)
def test_a_conditional_put_meets_its_earlier_attempt(store: S3Store, proxy: FaultProxy, fault: Fault) -> None:
    """The client is told that the object exists, which it has created itself."""
    proxy.plan = first(1, fault, "PUT")
    with pytest.raises(AlreadyExistsError):
        store.put("new", b"content", mode="create")
    assert content(store, "new") == b"content"
    version = store.head("new")
    proxy.plan = first(1, fault, "PUT")
    with pytest.raises(PreconditionError):
        store.put("new", b"other", mode={"e_tag": version["e_tag"]})
    assert content(store, "new") == b"other"


@pytest.mark.parametrize("fault", [*AMBIGUOUS, delay(3 * SECONDS)], ids=str)
def test_a_conditional_put_with_an_unknown_end_fails_without_a_repetition(
    store: S3Store, proxy: FaultProxy, fault: Fault
) -> None:
    proxy.plan = first(1, fault, "PUT")
    with pytest.raises(GenericError, match="error sending request"):
        store.put("new", b"content", mode="create")
    proxy.plan = PASSES
    assert content(store, "new") == (b"content" if fault.forwards else None)
    assert sum(request.method == "PUT" for request in proxy.requests) == 1


def test_a_409_is_taken_for_an_existing_object(store: S3Store, proxy: FaultProxy) -> None:
    """S3 answers so when another client's request is in progress. Nothing need exist."""
    proxy.plan = first(1, faults.CONFLICT, "PUT")
    with pytest.raises(AlreadyExistsError):
        store.put("new", b"content", mode="create")
    assert content(store, "new") is None
    version = store.head("key")
    proxy.plan = first(1, faults.CONFLICT, "PUT")
    store.put("key", b"other", mode={"e_tag": version["e_tag"]})  # this one is repeated


def test_a_put_that_timed_out_may_arrive_after_a_later_one(store: S3Store, proxy: FaultProxy) -> None:
    """Names that are written twice are not safe; creation is."""
    proxy.plan = first(1, late(3 * SECONDS), "PUT")
    store.put("twice", b"first")
    store.put("twice", b"second")
    wait_for(proxy)
    assert content(store, "twice") == b"first"
    proxy.forget()
    proxy.plan = first(1, late(3 * SECONDS), "PUT")
    with pytest.raises(GenericError):
        store.put("once", b"first", mode="create")
    store.put("once", b"second", mode="create")
    wait_for(proxy)
    assert content(store, "once") == b"second"


@pytest.mark.parametrize("fault", [*RETRIED_STATUS, faults.CLOSED, *LOST_STATUS, faults.LOST_CLOSED], ids=str)
def test_a_deletion_is_repeated(store: S3Store, proxy: FaultProxy, fault: Fault) -> None:
    proxy.plan = first(1, fault)
    store.delete("key")
    assert content(store, "key") is None


@pytest.mark.parametrize("fault", [*AMBIGUOUS, faults.CUT, faults.STALLS, faults.TRUNCATED], ids=str)
def test_a_deletion_with_an_unknown_end_fails_without_a_repetition(
    store: S3Store, proxy: FaultProxy, fault: Fault
) -> None:
    """obstore deletes with POST, which is not idempotent."""
    proxy.plan = first(1, fault)
    with pytest.raises(GenericError):
        store.delete("key")
    assert [request.method for request in proxy.requests] == ["POST"]
    assert content(store, "key") == (None if fault.forwards else CONTENT)


STEPS = {"begin": ("POST", "?uploads"), "part": ("PUT", "partNumber=1"), "complete": ("POST", "?uploadId=")}


@pytest.mark.parametrize("fault", [*RETRIED_STATUS, *CONNECTION, *LOST_STATUS, *LOST_CONNECTION], ids=str)
@pytest.mark.parametrize("step", STEPS)
def test_all_steps_of_an_upload_in_parts_are_repeated(
    bucket: S3Server, proxy: FaultProxy, step: str, fault: Fault
) -> None:
    store = connect(bucket, proxy, seconds=1)
    proxy.plan = first(1, fault, *STEPS[step])
    store.put("large", LARGE)
    assert proxy.injected == [fault]
    assert content(store, "large") == LARGE


@pytest.mark.parametrize("fault", [faults.CUT, faults.TRUNCATED], ids=str)
@pytest.mark.parametrize("step", ["begin", "complete"])
def test_an_upload_in_parts_fails_if_an_answer_is_broken(
    bucket: S3Server, proxy: FaultProxy, step: str, fault: Fault
) -> None:
    """If the last answer was broken the object is there, and the error comes from aborting an upload that is none."""
    store = connect(bucket, proxy, seconds=2)
    proxy.plan = first(1, fault, *STEPS[step])
    with pytest.raises(FileNotFoundError if step == "complete" else GenericError):
        store.put("large", LARGE)
    assert content(store, "large") == (LARGE if step == "complete" else None)


@pytest.mark.parametrize("fault", [faults.UNAVAILABLE, faults.TOO_MANY_REQUESTS, faults.RESET, faults.CUT], ids=str)
def test_a_lasting_fault_is_an_error_after_the_last_attempt(store: S3Store, proxy: FaultProxy, fault: Fault) -> None:
    proxy.plan = always(fault)
    with pytest.raises(GenericError):
        store.get("key").bytes()
    assert len(proxy.requests) == 4, "three retries"


def test_large_bodies_break_off_and_are_continued(bucket: S3Server, proxy: FaultProxy) -> None:
    store = connect(bucket, proxy, seconds=5)
    store.put("large", LARGE)
    proxy.plan = first(2, faults.CUT, "GET")
    assert content(store, "large") == LARGE
    assert len(proxy.injected) == 2
