"""A page on this computer: a click on a pixel shows how similar all other pixels are to it."""

import html
import io
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from PIL import Image

from hypercolumns.exploring.pixels import PixelSimilarity

# An image that is a button sends the place of the click, so that the page needs no script.
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; margin: 1rem; color: #ddd; background: #18181b; }}
a {{ color: inherit; }} input {{ cursor: crosshair; }} form {{ overflow-x: auto; }}</style></head>
<body><p>{title}: click a pixel; the brighter another one is, the more similar it is.
<a href="/">The regions alone</a></p>
<form action="/"><input type="image" name="at" alt="regions" src="/sheet.png?{query}"></form></body></html>
"""


class PixelServer(ThreadingHTTPServer):
    """Serves the page on this computer alone.

    Parameters
    ----------
    similarity
        The regions that it shows.
    title
        Heading of the page.
    port
        0 for any that is free.
    """

    def __init__(self, similarity: PixelSimilarity, title: str, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.similarity, self.title = similarity, title

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of browsers that leave before the answer, as they do on quick clicks."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: PixelServer
    timeout = 30
    """Seconds until a client that says nothing is left."""

    def do_GET(self) -> None:
        """Answer with the page or its picture."""
        try:
            host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
            url = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(url.query).items()}
            at = (int(query["at.x"]), int(query["at.y"])) if "at.x" in query else None
        except (KeyError, ValueError):
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        # The name of a page elsewhere may be made to point here, which would let its script read the pictures.
        if host not in ("127.0.0.1", "localhost"):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        if url.path == "/sheet.png":
            pixel = None if at is None else self.server.similarity.pixel_at(*at)
            content = io.BytesIO()
            Image.fromarray(self.server.similarity.draw(pixel)).save(content, "PNG", compress_level=1)
            self._send("image/png", content.getvalue())
        elif url.path == "/":
            again = urlencode({} if at is None else {"at.x": at[0], "at.y": at[1]})
            page = _PAGE.format(title=html.escape(self.server.title), query=html.escape(again))
            self._send("text/html; charset=utf-8", page.encode(errors="replace"))
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name that http.server gives it
        """Keep quiet."""

    def _send(self, kind: str, content: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
