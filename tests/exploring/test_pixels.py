"""Similarities of pixels, and the page that shows them."""

import io
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from hypercolumns import FeatureStore, InputError
from hypercolumns.cli.main import main
from hypercolumns.exploring import pixels
from hypercolumns.exploring.pixels import PER_LINE, SIZE, TILE, PixelSimilarity, _standardised, rows_to_explore
from hypercolumns.exploring.server import PixelServer
from hypercolumns.features import writer
from tests.documents import ROOT
from tests.features.test_store import region_table
from tests.trained_projects import TrainedProject

ROWS = [5, 0, 2, 1, 3, 4, 6]


@pytest.fixture(scope="module")
def similarity(warped: TrainedProject) -> PixelSimilarity:
    return PixelSimilarity.of_store(FeatureStore.open(warped.workspace.features("val")), ROWS)


def test_similarity_is_the_correlation_of_standardised_hypercolumns(
    similarity: PixelSimilarity, warped: TrainedProject
) -> None:
    store = FeatureStore.open(warped.workspace.features("val"))
    columns = store.hypercolumns(ROWS, SIZE, layers=["stage1", "stage4"]).compute()
    pixels = columns.reshape(-1, columns.shape[-1])
    scores = (pixels - pixels.mean(axis=0)) / pixels.std(axis=0)
    first = 2 * SIZE * SIZE + 7 * SIZE + 11
    lengths = np.linalg.norm(scores, axis=1)
    expected = scores @ scores[first] / lengths / lengths[first]
    found = similarity.cosines_with(2, 7, 11)
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-3)
    assert np.unravel_index(found.argmax(), found.shape) == (2, 7, 11)


def test_a_channel_that_never_varies_does_not_count() -> None:
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(3, 5, 5, 4)).astype(np.float32)
    columns[..., 1] = 1.3
    columns[..., 2] *= 1e-3
    found = _standardised(columns.copy())
    np.testing.assert_array_equal(found[..., 1], 0)
    for channel in (0, 2, 3):
        values = columns[..., channel]
        np.testing.assert_allclose(found[..., channel], (values - values.mean()) / values.std(), atol=1e-4)


def test_more_hypercolumns_than_memory_should_hold_are_refused(
    warped: TrainedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixels, "MOST_BYTES", 1_000_000)
    with pytest.raises(InputError, match="choose fewer regions or layers"):
        PixelSimilarity.of_store(FeatureStore.open(warped.workspace.features("val")), ROWS)


def test_annotated_rows_are_explored_or_all_if_there_are_none(tmp_path: Path) -> None:
    table = region_table(50, np.random.default_rng(0))
    for name, kinds in [("some", table["kind"]), ("none", ["detection"] * 50)]:
        writer.write_store(tmp_path / name, table.assign(kind=kinds), {"a": np.zeros((50, 1, 2, 2), np.float16)})
    some, none = (FeatureStore.open(tmp_path / name) for name in ("some", "none"))
    annotated = np.flatnonzero(table["kind"] == "ground_truth").tolist()
    assert rows_to_explore(some, 500) == annotated
    assert rows_to_explore(some, 1) == [annotated[len(annotated) // 2]]
    assert rows_to_explore(none, 5) == [5, 15, 25, 35, 45]


@pytest.mark.skipif(sys.platform == "win32", reason="sends Ctrl-C")
def test_the_command_serves_the_page_until_ctrl_c(warped: TrainedProject) -> None:
    words = [sys.executable, "-m", "hypercolumns", "explore", str(warped.workspace.features("val")), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "pipeline"), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(  # noqa: S603
        words,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert b"click a pixel" in fetch(said.split()[0])
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert "regions. Ctrl-C ends it." in said
    assert (process.returncode, errors) == (130, "Interrupted.\n")


def test_a_point_of_the_picture_is_a_pixel_of_a_region(similarity: PixelSimilarity) -> None:
    assert similarity.draw().shape == (2 * TILE, PER_LINE * TILE, 3)
    assert similarity.pixel_at(0, 0) == (0, 0, 0)
    assert similarity.pixel_at(TILE - 1, TILE) == (PER_LINE, 0, SIZE - 1)
    assert similarity.pixel_at(3 * TILE, TILE) is None
    assert similarity.pixel_at(PER_LINE * TILE, 0) is None
    assert similarity.pixel_at(-1, 5) is None


def test_a_path_that_is_no_text_is_shown(similarity: PixelSimilarity) -> None:
    with PixelServer(similarity, "bad\udcff/store", 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        assert b"bad?/store" in fetch(server.address)
        server.shutdown()
        thread.join()


@pytest.fixture
def address(similarity: PixelSimilarity) -> Iterator[str]:
    with PixelServer(similarity, "a <store>", 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.address
        server.shutdown()
        thread.join()


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own server
        content: bytes = answer.read()
    return content


def test_a_click_on_the_page_shows_the_similarity(address: str, similarity: PixelSimilarity) -> None:
    assert b"a &lt;store&gt;" in fetch(address)
    page = fetch(f"{address}?at.x={TILE + 30}&at.y=50").decode()
    assert f'src="/sheet.png?at.x={TILE + 30}&amp;at.y=50"' in page
    picture = np.asarray(Image.open(io.BytesIO(fetch(f"{address}sheet.png?at.x={TILE + 30}&at.y=50"))))
    np.testing.assert_array_equal(picture, similarity.draw(similarity.pixel_at(TILE + 30, 50)))
    plain = np.asarray(Image.open(io.BytesIO(fetch(f"{address}sheet.png"))))
    np.testing.assert_array_equal(plain, similarity.draw())


def test_a_browser_that_leaves_is_no_error(address: str, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", urlsplit(address).port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset on closing
            connection.sendall(b"GET /sheet.png HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert fetch(address)
    assert "Traceback" not in capfd.readouterr().err


def test_requests_under_another_name_are_refused(address: str) -> None:
    """The name of a page elsewhere may point here, so that its script could read the pictures."""
    for name, status in [("evil.example", 421), (f"localhost:{urlsplit(address).port}", 200), ("127.0.0.1", 200)]:
        connection = HTTPConnection("127.0.0.1", urlsplit(address).port, timeout=30)
        connection.request("GET", "/", headers={"Host": name})
        assert connection.getresponse().status == status
        connection.close()


def test_a_target_that_is_no_address_is_refused(address: str) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(address).port)) as connection:
        connection.sendall(b"GET http://[/ HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert b" 400 " in connection.recv(100)


@pytest.mark.parametrize(("path", "code"), [("nothing", 404), ("?at.x=a&at.y=1", 400), ("sheet.png?at.x=4", 400)])
def test_other_requests_are_refused(address: str, path: str, code: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        fetch(address + path)
    assert refusal.value.code == code


def test_a_port_in_use_and_a_layer_that_is_not_there_are_named(address: str, warped: TrainedProject) -> None:
    store = str(warped.workspace.features("val"))
    for options, complaint in [
        (("--port", address.rstrip("/").rpartition(":")[2]), "cannot be used"),
        (("--layers", "stage9"), "no layer 'stage9'; it has pooled, stage1, stage4"),
    ]:
        done = CliRunner().invoke(main, ["explore", store, *options])
        assert done.exit_code == 1
        assert complaint in " ".join(done.output.split())
