"""A server at `compute.scheduler` that is not a scheduler ends a run soon and in one paragraph."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dask
import pytest

from hypercolumns.cluster import connection
from hypercolumns.cluster.connection import connect
from hypercolumns.errors import InputError
from hypercolumns.parameters import ComputeParameters
from tests.cluster.certificates import certify, settings
from tests.cluster.processes import cluster

GREETINGS = {
    "SSH": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html></html>",
    "zeros": bytes(1000),
    "lengths": (2).to_bytes(8, "little") * 3 + b"garbage!" * 100,
    "mail": b"220 mail.example ESMTP\r\n",
    "a huge length": b"\xff" * 7 + b"\x7f" * 25,
}


@contextmanager
def server(greeting: bytes) -> Iterator[str]:
    """Accept connections and send each the same bytes, then wait for their end."""

    def talk(client: socket.socket) -> None:
        with suppress(OSError), client:
            client.sendall(greeting)
            while client.recv(1000):
                pass

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"


def refusal(address: str) -> str:
    with pytest.raises(InputError) as raised, connect(ComputeParameters(scheduler=address)):
        pass
    assert str(raised.value).startswith(f"compute.scheduler: no Dask scheduler answers at {address}: ")
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("kind", GREETINGS)
def test_another_protocol_is_recognized(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with server(GREETINGS[kind]) as address:
        assert "something else" in refusal(address)
    assert not caplog.records


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_ANSWER_SECONDS", 0.5)
    with server(b"") as address:
        assert "says nothing" in refusal(address)


def test_an_address_without_tls_of_a_scheduler_with_it(tmp_path: Path) -> None:
    with cluster(tmp_path / "processes", 1, certify(tmp_path / "certificates")) as address:
        assert "TLS" in refusal(address.replace("tls://", "tcp://"))


def test_an_address_with_tls_of_a_server_without_it(tmp_path: Path) -> None:
    with dask.config.set(settings(certify(tmp_path / "certificates"))), server(GREETINGS["HTTP"]) as address:
        assert "only one side uses TLS" in refusal(address.replace("tcp://", "tls://"))


def test_a_worker_is_not_a_scheduler(tmp_path: Path) -> None:
    with cluster(tmp_path / "processes", 1) as address, connection.connect_to_scheduler(address) as client:
        (worker,) = client.scheduler_info()["workers"]
        assert "a Dask worker" in refusal(worker)
