"""Hypothesis: without a fault the proxy changes nothing, and plans are the same in each run."""

import http.client
from urllib.parse import urlsplit

from tests.object_store.faults import AFTER, BODIES, SLOW_DOWN, Request, each, seeded
from tests.object_store.proxy import fault_proxy
from tests.object_store.server import S3Server

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request"}
"""moto hides objects from anonymous clients, and does not check the rest of a signature."""


def test_one_connection_serves_requests_of_all_kinds(bucket: S3Server) -> None:
    path, content = f"/{bucket.bucket}/key", bytes(range(256)) * 8000
    with fault_proxy(bucket.endpoint) as proxy:
        connection = http.client.HTTPConnection(urlsplit(proxy.endpoint).netloc, timeout=10)
        connection.connect()
        port = connection.sock.getsockname()[1]

        def ask(method: str, more: dict[str, str] | None = None, **arguments: object) -> tuple[int, int, bytes]:
            connection.request(method, path, headers=SIGNED | (more or {}), **arguments)
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, int(answer.headers.get("Content-Length", -1)), body

        chunks = (content[start : start + 100_000] for start in range(0, len(content), 100_000))
        assert ask("PUT", body=chunks, encode_chunked=True)[0] == 200
        assert ask("GET") == (200, len(content), content)
        assert ask("HEAD") == (200, len(content), b"")
        assert ask("GET", {"Range": "bytes=100-299"}) == (206, 200, content[100:300])
        assert ask("DELETE")[::2] == (204, b"")
        assert ask("HEAD")[0] == 404
        assert connection.sock.getsockname()[1] == port, "kept alive"
        connection.close()
        assert [request.method for request in proxy.requests] == ["PUT", "GET", "HEAD", "GET", "DELETE", "HEAD"]
        assert [exchange.status for exchange in proxy.exchanges] == [200, 200, 200, 206, 204, 404]
        assert proxy.requests[0].size == len(content)


def test_a_seed_gives_the_same_faults_in_any_order_and_lets_the_last_attempt_pass() -> None:
    requests = [Request(n, attempt, "GET", f"/b/{n}") for n in range(300) for attempt in range(3)]
    plan = seeded(1, 0.3, (*AFTER, *BODIES), attempts=2)
    drawn = [plan(request) for request in requests]
    assert drawn == [plan(request) for request in reversed(requests)][::-1]
    assert not any(drawn[2::3])
    assert 0.2 < sum(fault is not None for fault in drawn) / 600 < 0.4
    assert set(drawn) == {None, *AFTER, *BODIES}
    other = seeded(2, 0.3, (*AFTER, *BODIES), attempts=2)
    assert drawn != [other(request) for request in requests]


def test_faults_of_a_list_are_used_once_each() -> None:
    plan = each([None, SLOW_DOWN], "PUT", "part=")
    requests = [Request(0, 0, m, t) for m, t in (("GET", "/?part=1"), ("PUT", "/?part=1"), ("PUT", "/"))]
    assert [plan(request) for request in requests] == [None, None, None]
    assert [plan(requests[1]) for _ in range(2)] == [SLOW_DOWN, None]
