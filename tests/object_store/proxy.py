"""HTTP proxy between a client and a server that injects faults, each chosen by a plan from the request alone."""

import http.client
import select
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.object_store.faults import Fault, Plan, Request

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "proxy-connection"}
"""Headers that concern one connection; a proxy does not pass them on."""


@dataclass(frozen=True)
class Exchange:
    """A request and what became of it."""

    request: Request
    fault: Fault | None
    status: int | None
    """What the server answered; None if the request was not forwarded."""


class FaultProxy:
    """Counts requests and injects the faults of a plan, which may be replaced at any time."""

    def __init__(self, upstream: str, plan: Plan) -> None:
        self.upstream = upstream
        self.plan = plan
        self.exchanges: list[Exchange] = []
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._begun = 0
        self._connections: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self

    @property
    def endpoint(self) -> str:
        """Address for clients."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def requests(self) -> list[Request]:
        """Requests that have ended, in the order in which they did."""
        return [exchange.request for exchange in self.exchanges]

    @property
    def injected(self) -> list[Fault]:
        """Faults that were injected."""
        return [exchange.fault for exchange in self.exchanges if exchange.fault]

    def forget(self) -> None:
        """Count requests and attempts from zero again."""
        with self._lock:
            self.exchanges, self._attempts, self._begun = [], Counter(), 0

    def begin(self, method: str, target: str, headers: dict[str, str], size: int) -> tuple[Request, Fault | None]:
        """Number a request and choose its fault."""
        with self._lock:
            request = Request(self._begun, self._attempts[method, target], method, target, headers, size)
            self._begun += 1
            self._attempts[method, target] += 1
            return request, self.plan(request)

    def end(self, exchange: Exchange) -> None:
        """Keep what became of a request."""
        with self._lock:
            self.exchanges.append(exchange)

    def connected(self, connection: socket.socket) -> None:
        """Keep a client's connection, to close it at the end."""
        with self._lock:
            self._connections.add(connection)
            if self.stopped.is_set():
                _shut(connection)

    def disconnected(self, connection: socket.socket) -> None:
        """Forget a client's connection."""
        with self._lock:
            self._connections.discard(connection)

    def serve(self) -> None:
        """Answer until `close`."""
        self._server.serve_forever(poll_interval=0.02)

    def close(self) -> None:
        """Stop, closing the connections of clients."""
        self._server.shutdown()
        with self._lock:
            self.stopped.set()
            for connection in self._connections:
                _shut(connection)
        self._server.server_close()  # waits for the threads


@contextmanager
def fault_proxy(upstream: str, plan: Plan = lambda _: None) -> Iterator[FaultProxy]:
    """Run a proxy in threads of this process."""
    proxy = FaultProxy(upstream, plan)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    """Waits for its threads when it is closed."""

    daemon_threads = False
    proxy: FaultProxy


class _Handler(BaseHTTPRequestHandler):
    """Handles the requests of one connection."""

    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered: head and body go out together

    def setup(self) -> None:
        super().setup()
        self.proxy = self.server.proxy
        self.proxy.connected(self.connection)

    def finish(self) -> None:
        self.proxy.disconnected(self.connection)
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client has gone
            super().handle()

    def log_message(self, *_: object) -> None:
        """Keep standard error for what matters."""

    def handle_expect_100(self) -> bool:
        """Ask for the body, at once."""
        answered = super().handle_expect_100()
        self.wfile.flush()
        return answered

    def answer(self) -> None:
        """Answer one request of any method, or do its fault."""
        body = self._read_body()
        request, fault = self.proxy.begin(self.command, self.path, dict(self.headers.items()), len(body))
        status: int | None = None
        try:
            if fault and fault.kind == "late":
                self.proxy.stopped.wait(fault.seconds)  # even if the client leaves
            if fault and not fault.forwards:
                headers, content = [], b""
            else:
                status, headers, content = self._forward(body)
        finally:
            # Before the answer, so that a client that has it finds the request counted.
            self.proxy.end(Exchange(request, fault, status))
        if fault:
            self._inject(fault, status, headers, content)
        else:
            self._send(status, headers, content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self._read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self._read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return b"".join(pieces)

    def _read(self, size: int) -> bytes:
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionAbortedError("the client closed the connection within its request")
        return body

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Let the server answer: status, headers and body."""
        kept = [(name, value) for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP]
        headers = [pair for pair in kept if pair[0].lower() != "content-length"]
        if body or len(headers) < len(kept) or self.command in ("PUT", "POST"):
            headers.append(("Content-Length", str(len(body))))
        # One connection per request: on a kept one, a request that the server drops would have to be repeated.
        upstream = http.client.HTTPConnection(urlsplit(self.proxy.upstream).netloc, timeout=60)
        try:
            upstream.connect()
            upstream.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                upstream.putheader(name, value)
            upstream.endheaders(body or None)
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            upstream.close()

    def _send(
        self, status: int, headers: list[tuple[str, str]], content: bytes, sent: int | None = None, length: int = -1
    ) -> None:
        """Send an answer.

        Parameters
        ----------
        sent
            How many bytes of the content; all by default.
        length
            The `Content-Length` to claim, where it differs from that of the content.
        """
        self.send_response_only(status)
        bodiless = self.command == "HEAD" or status < 200 or status in (204, 304)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP and (bodiless or name.lower() != "content-length"):
                self.send_header(name, value)
        if not bodiless:
            self.send_header("Content-Length", str(len(content) if length < 0 else length))
        self.end_headers()
        if not bodiless:
            self.wfile.write(content if sent is None else content[:sent])
        self.wfile.flush()

    def _inject(self, fault: Fault, status: int | None, headers: list[tuple[str, str]], content: bytes) -> None:
        half = len(content) // 2
        match fault.kind:
            case "late":
                self._send(status, headers, content)
            case "delay":
                self._wait(fault.seconds)
                self._send(status, headers, content)
            case "error":
                text = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>Injected</Message></Error>"
                self._send(fault.status, [("Content-Type", "application/xml")], text.encode())
            case "truncate":
                self._send(status, headers, content[:half])
            case "cut":
                self._send(status, headers, content, sent=half)
                self.close_connection = True
            case "stall":
                self._send(status, headers, content, sent=half)
                self._wait()
                self.close_connection = True
            case "hang":
                self._wait()
                self.close_connection = True
            case "close":
                self.close_connection = True
            case "reset":
                # Closing with a linger time of zero sends RST, unless the base class says FIN first.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                for file in (self.rfile, self.wfile, self.connection):
                    file.close()
                raise ConnectionAbortedError("reset by the plan")

    def _wait(self, seconds: float = float("inf")) -> None:
        """Wait until the time is over, the client has gone or the proxy stops."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.proxy.stopped.is_set():
            if select.select([self.connection], [], [], min(left, 0.05))[0]:
                with suppress(OSError):
                    if self.connection.recv(1, socket.MSG_PEEK):
                        self.proxy.stopped.wait(min(left, 0.05))  # pipelined bytes; not an end
                        continue
                return
