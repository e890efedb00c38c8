"""Hypothesis: moto behaves as S3 does in all that stores rely on, through obstore."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import obstore
import pytest
from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import S3Store, from_url

from tests.object_store.server import S3Server, s3_server

MEBIBYTE = 2**20


@pytest.fixture
def store(bucket: S3Server) -> S3Store:
    """Directed to the server by the environment alone."""
    return from_url(bucket.url)


def test_what_was_put_is_got_and_deleted(store: S3Store) -> None:
    store.put("folder/key", b"content")
    assert bytes(store.get("folder/key").bytes()) == b"content"
    store.delete("folder/key")
    with pytest.raises(FileNotFoundError):
        store.get("folder/key")
    store.delete("folder/key")  # S3 does not mind


def test_ranges_are_cut_from_the_object(store: S3Store) -> None:
    content = bytes(range(200))
    store.put("key", content)
    assert bytes(store.get_range("key", start=10, length=30)) == content[10:40]
    assert [bytes(r) for r in store.get_ranges("key", starts=[0, 150], lengths=[5, 7])] == [
        content[:5],
        content[150:157],
    ]
    for suffix in (1, 50, 200, 1000):
        assert bytes(store.get("key", options={"range": {"suffix": suffix}}).bytes()) == content[-suffix:]
    assert bytes(store.get_range("key", start=190, length=30)) == content[190:], "short, without an error"


def test_lists_are_complete_sorted_and_below_their_prefix(store: S3Store) -> None:
    """More keys than one page holds."""
    names = [f"a/{i:04}" for i in range(1010)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: store.put(name, b""), [*names, "b/0", "ab"]))
    assert [item["path"] for item in store.list("a").collect()] == names
    found = store.list_with_delimiter()
    assert (sorted(found["common_prefixes"]), [o["path"] for o in found["objects"]]) == (["a", "b"], ["ab"])


def test_an_object_is_created_once(store: S3Store) -> None:
    store.put("key", b"first", mode="create")
    with pytest.raises(AlreadyExistsError):
        store.put("key", b"second", mode="create")
    assert bytes(store.get("key").bytes()) == b"first"
    store.delete("key")
    store.put("key", b"third", mode="create")


@pytest.mark.parametrize("round_", range(5))
def test_one_of_many_clients_creates_an_object(store: S3Store, round_: int) -> None:
    """Many small races, for moto without its lock loses few of them."""

    def create(client: int) -> bool:
        try:
            store.put(f"key-{round_}", bytes([client]), mode="create")
        except AlreadyExistsError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        created = list(pool.map(create, range(16)))
    assert sum(created) == 1
    assert bytes(store.get(f"key-{round_}").bytes()) == bytes([created.index(True)])


def test_an_object_is_replaced_only_in_the_version_that_was_read(store: S3Store) -> None:
    version = store.put("key", b"first")
    store.put("key", b"second", mode={"e_tag": version["e_tag"]})
    with pytest.raises(PreconditionError):
        store.put("key", b"third", mode={"e_tag": version["e_tag"]})
    assert bytes(store.get("key").bytes()) == b"second"


def test_large_objects_go_in_parts(store: S3Store) -> None:
    content = bytes(range(256)) * (13 * MEBIBYTE // 256)
    put = store.put("key", content, chunk_size=5 * MEBIBYTE)
    assert put["e_tag"].strip('"').endswith("-3"), "three parts"
    head = store.head("key")
    assert (head["size"], head["e_tag"]) == (len(content), put["e_tag"])
    assert bytes(store.get("key").bytes()) == content
    with obstore.open_writer(store, "written") as writer:
        for start in range(0, len(content), MEBIBYTE):
            writer.write(content[start : start + MEBIBYTE])
    assert bytes(store.get("written").bytes()) == content


def test_an_upload_that_was_not_completed_is_not_there(store: S3Store) -> None:
    """Neither got nor listed."""

    def pieces() -> object:
        yield bytes(6 * MEBIBYTE)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        store.put("key", pieces())
    assert store.list().collect() == []


def test_a_large_object_is_created_once_in_one_request(store: S3Store) -> None:
    """obstore has no conditional upload in parts."""
    put = store.put("key", bytes(6 * MEBIBYTE), mode="create")
    assert "-" not in put["e_tag"]
    with pytest.raises(AlreadyExistsError):
        store.put("key", bytes(6 * MEBIBYTE), mode="create")


def test_buckets_of_tests_are_empty(bucket: S3Server, store: S3Store) -> None:
    store.put("key", b"")
    other = bucket.with_new_bucket()
    assert from_url(other.url).list().collect() == []


def test_another_process_finds_the_server_by_the_environment(bucket: S3Server, store: S3Store) -> None:
    store.put("key", b"content")
    program = f"from obstore.store import from_url; print(from_url({bucket.url!r}).get('key').bytes().to_bytes())"
    environment = {"PATH": os.environ["PATH"], **bucket.environment}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)  # noqa: S603
    assert done.stdout.strip() == b"b'content'"


def test_the_server_ends_with_its_context() -> None:
    with s3_server() as server:
        store = from_url(server.url, endpoint=server.endpoint, client_options={"allow_http": True}, **CREDENTIALS)
        store.put("key", b"")
    with pytest.raises(Exception, match="error sending request"):
        store.get("key")


CREDENTIALS = {
    "access_key_id": "testing",
    "secret_access_key": "testing",
    "region": "us-east-1",
    "retry_config": {"max_retries": 0},
}
