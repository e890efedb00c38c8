"""Hypothesis: moto behaves as S3 does in all that stores rely on, through obstore."""

import obstore
from obstore.store import from_url

from tests.object_store.server import S3Server


def test_what_was_put_is_got(bucket: S3Server) -> None:
    store = from_url(bucket.url)
    obstore.put(store, "folder/key", b"content")
    assert obstore.get(store, "folder/key").bytes().to_bytes() == b"content"
