"""Program that serves moto's S3 on loopback until its standard input closes; it prints the port first.

It ends with the process that started it, even if that is killed.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server


class AtomicWrites:
    """Runs requests that write one after another.

    moto looks whether a key exists and creates it later, so that two clients could both succeed with
    `If-None-Match: *`. S3 lets one succeed.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self.app = app
        self.lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return self.app(environ, start_response)
        # Read the body outside the lock: a client that stalls must not stop the others.
        chunked = environ.get("wsgi.input_terminated", False)
        body = environ["wsgi.input"].read(-1 if chunked else int(environ.get("CONTENT_LENGTH") or 0))
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        with self.lock:
            return list(self.app(environ, start_response))


class Handler(MotoRequestHandler):
    """Answers without waiting for more to send, which would cost 40 ms per answer."""

    disable_nagle_algorithm = True


def main() -> None:
    """Serve until standard input closes."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = AtomicWrites(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    os._exit(0)  # connections that are kept alive hold threads


if __name__ == "__main__":
    main()
