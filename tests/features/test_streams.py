"""Passes that run side by side give the same results as alone, in the order of their items."""

import threading
import time

import pytest
import torch

from hypercolumns.backbones import Backbone, create_backbone
from hypercolumns.features import streams
from hypercolumns.features.streams import Streams
from hypercolumns.parameters import BackboneParameters

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    layers = ("features.3", "features.6")
    return create_backbone(
        BackboneParameters(name="torchvision:squeezenet1_1", weights="random", layers=layers, input_size=64)
    )


@pytest.fixture
def running(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> Streams:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(torch, "set_num_threads", lambda _number: None)
    return Streams(backbone, CPU)


@pytest.mark.parametrize("cores", [1, 3, 6])
def test_every_core_has_a_stream_that_computes_on_it_alone(backbone: Backbone, cores: int) -> None:
    """Each stream reports its number of threads; afterwards the process has its former number again."""
    before = torch.get_num_threads()
    torch.set_num_threads(cores)
    try:
        barrier = threading.Barrier(cores)

        def count_threads(backbone: Backbone, _item: int) -> int:
            barrier.wait(10)  # makes every stream take one item
            backbone(torch.zeros(1, 3, 64, 64))
            return torch.get_num_threads()

        with Streams(backbone, CPU) as running:
            assert list(running.map(count_threads, range(cores))) == [1] * cores
        assert torch.get_num_threads() == cores
    finally:
        torch.set_num_threads(before)


def test_mps_has_one_stream(backbone: Backbone) -> None:
    """Only counts the streams: the machine that runs the tests may not have the device."""
    with Streams(backbone, torch.device("mps")) as running:
        threads = set(running.map(lambda _backbone, _item: time.sleep(0.001) or threading.get_ident(), range(20)))
    assert len(threads) == 1


def test_results_come_in_the_order_of_the_items(running: Streams) -> None:
    def slow_at_first(_backbone: Backbone, item: int) -> tuple[int, int]:
        time.sleep(0.02 if item % 4 == 0 else 0)
        return item, threading.get_ident()

    with running:
        results = list(running.map(slow_at_first, range(20)))
    assert [item for item, _ in results] == list(range(20))
    assert len({thread for _, thread in results}) > 1


def test_passes_do_not_read_each_others_layers(running: Streams, backbone: Backbone) -> None:
    """Layers are read by hooks on the network, which passes of other threads must not trigger."""
    images = [torch.full((1, 3, 64, 64), i / 8) for i in range(8)]
    with torch.inference_mode():
        alone = [backbone(image) for image in images]
    with running:
        side_by_side = list(
            running.map(lambda backbone, i: backbone(images[i]), [i for _ in range(5) for i in range(8)])
        )
    for i, maps in enumerate(side_by_side):
        for name, values in maps.items():
            assert torch.equal(values, alone[i % 8][name])


def test_streams_share_the_weights(running: Streams, backbone: Backbone) -> None:
    """Otherwise four streams of VGG-16 would take 2 GB."""
    with running:
        pointers = list(running.map(lambda copy, _: {p.data_ptr() for p in copy.parameters()}, range(8)))
    assert all(found == {p.data_ptr() for p in backbone.parameters()} for found in pointers)


def test_few_items_are_computed_ahead(running: Streams) -> None:
    """Memory does not grow with the number of items, however slowly the results are consumed."""
    taken = 0

    def items() -> object:
        nonlocal taken
        for item in range(1, 1000):
            taken = item
            yield item

    with running:
        results = running.map(lambda _backbone, item: item, items())  # type: ignore[arg-type]
        for _ in range(5):
            next(results)
    assert taken <= 5 + streams.ITEMS_PER_STREAM * 4


def test_an_error_stops_the_remaining_items(running: Streams) -> None:
    done = []

    def fail_at_three(_backbone: Backbone, item: int) -> int:
        if item == 3:
            raise ValueError("three")
        done.append(item)
        return item

    with pytest.raises(ValueError, match="three"), running:
        list(running.map(fail_at_three, range(1000)))
    assert len(done) < 100
