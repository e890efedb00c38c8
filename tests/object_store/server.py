"""moto's S3 server in a process of its own, with a bucket, and the environment that makes clients find it."""

import http.client
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

START_SECONDS = 60.0
"""Limit for the start, which imports moto; it takes about two seconds."""


@dataclass(frozen=True)
class S3Server:
    """A running server and one of its buckets."""

    endpoint: str
    bucket: str

    @property
    def url(self) -> str:
        """The bucket, as `s3://NAME`."""
        return f"s3://{self.bucket}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that direct obstore, and programs started with them, to the server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def at(self, endpoint: str) -> "S3Server":
        """The same bucket through another endpoint: a proxy."""
        return replace(self, endpoint=endpoint)

    def with_new_bucket(self) -> "S3Server":
        """The server with an empty bucket of a new name."""
        new = replace(self, bucket=f"bucket-{uuid4().hex[:12]}")
        new.create_bucket()
        return new

    def create_bucket(self) -> None:
        """Create the bucket."""
        # Not with obstore, which has no call for it. moto does not check signatures.
        connection = http.client.HTTPConnection(urlsplit(self.endpoint).netloc, timeout=START_SECONDS)
        try:
            connection.request("PUT", f"/{self.bucket}")
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"the bucket {self.bucket} was not created: {answer.status} {text}")


@contextmanager
def s3_server(bucket: str = "bucket") -> Iterator[S3Server]:
    """Run a server with an empty bucket; what it holds is lost at the end.

    Raises
    ------
    RuntimeError
        If it does not start; its output goes to standard error.
    """
    program = Path(__file__).with_name("moto_process.py")
    command = [sys.executable, str(program)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
    too_late = threading.Timer(START_SECONDS, process.kill)
    too_late.start()
    try:
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError(f"moto ended before it served: exit code {process.wait()}")
        server = S3Server(f"http://127.0.0.1:{port}", bucket)
        server.create_bucket()  # waits for its first answer
        too_late.cancel()
        yield server
    finally:
        too_late.cancel()
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
