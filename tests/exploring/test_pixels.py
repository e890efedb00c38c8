"""Similarities of pixels, and the page that shows them."""

import io
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from hypercolumns import FeatureStore
from hypercolumns.cli.main import main
from hypercolumns.exploring.pixels import PER_LINE, SIZE, TILE, PixelSimilarity
from hypercolumns.exploring.server import PixelServer
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
    found = similarity.to(2, 7, 11)
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-3)
    assert np.unravel_index(found.argmax(), found.shape) == (2, 7, 11)


def test_a_point_of_the_picture_is_a_pixel_of_a_region(similarity: PixelSimilarity) -> None:
    assert similarity.draw().shape == (2 * TILE, PER_LINE * TILE, 3)
    assert similarity.pixel_at(0, 0) == (0, 0, 0)
    assert similarity.pixel_at(TILE - 1, TILE) == (PER_LINE, 0, SIZE - 1)
    assert similarity.pixel_at(3 * TILE, TILE) is None
    assert similarity.pixel_at(PER_LINE * TILE, 0) is None
    assert similarity.pixel_at(-1, 5) is None


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
