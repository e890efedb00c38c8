"""In the mode image, regions are cut out of the maps of one pass per photograph, which is never repeated."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from hypercolumns import FeatureStore
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.photographs.reading import read_image
from hypercolumns.backbones import Backbone, create_backbone
from hypercolumns.backbones import spatial as spatial_module
from hypercolumns.backbones.spatial import spatial
from hypercolumns.backbones.taps import OutputShapes, Tap
from hypercolumns.errors import InputError
from hypercolumns.features import photograph_source, streams
from hypercolumns.features.extraction import extract
from hypercolumns.features.photograph_source import Spool
from hypercolumns.parameters import BackboneParameters
from hypercolumns.regions.pooling import pool
from tests.features import extraction_case as case

SHORT_SIDE = 96


@pytest.fixture(scope="module")
def annotations(tmp_path_factory: pytest.TempPathFactory) -> AnnotationSet:
    return case.write_photographs(tmp_path_factory.mktemp("photos"))


def extract_to(
    regions: pd.DataFrame,
    annotations: AnnotationSet,
    backbone: Backbone,
    folder: Path,
    short_side: int | None,
    name: str = "f.zarr",
    expansion: float = 1.5,
) -> FeatureStore:
    return extract(
        regions,
        annotations,
        backbone,
        folder / name,
        scratch=folder / "s",
        expansion=expansion,
        short_side=short_side,
        compute=case.CPU,
    )


def test_blocks_are_pooled_from_a_pass_over_the_photograph(annotations: AnnotationSet, tmp_path: Path) -> None:
    """A block equals a direct pass over the scaled photograph, pooled by the sparse operator of `regions.pooling`."""
    regions, backbone = case.make_regions(40), case.make_backbone()
    store = extract_to(regions, annotations, backbone, tmp_path, SHORT_SIDE, expansion=1.5)
    # Photographs of 90 x 70 pixels, with a short side of 96 and both sides rounded to multiples of the stride 16.
    size, network = (96, 128), spatial(backbone)
    for row in (0, 17, 39):
        image = annotations.image_by_id[int(regions["image"][row])]
        photo = torch.from_numpy(read_image(annotations.image_path(image)).copy()).permute(2, 0, 1)[None] / 255
        scaled = torch.nn.functional.interpolate(photo, size, mode="bilinear", antialias=True)
        with torch.inference_mode():
            maps = {name: values[0].numpy() for name, values in network(scaled).items()}
        for name in case.LAYERS:
            block = store.read(name, slice(row, row + 1))[0]
            cells = block.shape[1]
            samples = max(2, -(-8 // cells))
            expected = pool(maps[name], store.expanded_boxes[row], (case.WIDTH, case.HEIGHT), cells, samples)[0].T
            np.testing.assert_allclose(
                block.reshape(expected.shape), expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max()
            )


def test_the_pooled_layer_of_a_box_over_the_whole_photograph_is_the_global_average(
    annotations: AnnotationSet, tmp_path: Path
) -> None:
    """The mean over a box that covers the photograph equals the network's global average pooling."""
    backbone = case.make_backbone(("classifier.3",))
    regions = case.make_regions(1).assign(x0=0.0, y0=0.0, x1=float(case.WIDTH), y1=float(case.HEIGHT), image=1)
    store = extract_to(regions, annotations, backbone, tmp_path, 64, expansion=1.0)
    photo = torch.from_numpy(read_image(annotations.image_path(annotations.image_by_id[1])).copy())
    scaled = torch.nn.functional.interpolate(
        photo.permute(2, 0, 1)[None] / 255, (64, 80), mode="bilinear", antialias=True
    )
    with torch.inference_mode():
        expected = backbone(scaled)["classifier.3"][0].numpy()
    block = store.read("classifier.3", slice(0, 1))[0]
    # Only close: the block averages interpolated values between the cells, not the cells themselves.
    np.testing.assert_allclose(block.ravel(), expected.ravel(), rtol=0, atol=5e-3 * np.abs(expected).max())


def test_finished_photographs_are_not_computed_again(
    annotations: AnnotationSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photograph passes the network once although its regions lie in several shards, also after an interruption."""
    passes: list[object] = []
    photograph_maps = photograph_source.photograph_maps

    def counted(*arguments: object) -> object:
        if len(passes) == limit:
            raise KeyboardInterrupt
        passes.append(arguments)
        return photograph_maps(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(photograph_source, "photograph_maps", counted)
    monkeypatch.setattr(streams, "MAX_STREAMS", {"cpu": 1})  # one pass after the other
    limit = 3
    with pytest.raises(KeyboardInterrupt):
        case.run(annotations, tmp_path / "f.zarr", tmp_path / "s", "image")
    assert not (tmp_path / "f.zarr").exists()
    limit = case.IMAGES
    case.run(annotations, tmp_path / "f.zarr", tmp_path / "s", "image")
    assert len(passes) == limit


def test_a_spool_keeps_finished_photographs_while_their_rows_are_intact(tmp_path: Path) -> None:
    """Some of the rows may be asked for; a flipped bit or lost rows, as after a power failure, are noticed."""

    def spool() -> Spool:
        return Spool(tmp_path / "rows", 4, {"a": (2, 3, 3)})

    rows = np.array([0, 2])
    spool().write(rows, {"a": np.ones((2, 2, 3, 3), np.float16)})
    spool().finish(7, rows)
    assert spool().has(7, rows)
    assert spool().has(7, rows[1:])
    assert not spool().has(7, np.array([0, 1]))
    assert not spool().has(8, rows)
    assert spool().read(np.arange(3))["a"][:, 0, 0, 0].tolist() == [1, 0, 1]
    intact = (tmp_path / "rows/rows").read_bytes()
    (tmp_path / "rows/rows").write_bytes(bytes([intact[0] ^ 1]) + intact[1:])
    assert not spool().has(7, rows)
    assert spool().has(7, rows[1:])
    (tmp_path / "rows/rows").unlink()
    assert not spool().has(7, rows)


def test_modes_never_share_features(annotations: AnnotationSet, tmp_path: Path) -> None:
    """Stores of both modes, and of two short sides, differ in their blocks and in their keys."""
    regions, backbone = case.make_regions(3), case.make_backbone(case.LAYERS[:1])
    stores = [extract_to(regions, annotations, backbone, tmp_path, side, f"{side}.zarr") for side in (None, 64, 96)]
    blocks = [store.read("features.3", slice(None)) for store in stores]
    assert len({block.shape for block in blocks}) == 1
    assert len({block.tobytes() for block in blocks}) == len({store.attributes["key"] for store in stores}) == 3
    assert [store.attributes["preprocessing"]["mode"] for store in stores] == ["warp", "image", "image"]


@pytest.mark.parametrize(
    ("name", "layer", "source"),
    [
        ("torchvision:resnet18", "avgpool", "layer4"),
        ("torchvision:squeezenet1_1", "classifier.3", "classifier.2"),
        ("torchvision:mobilenet_v2", "classifier.0", "features"),
    ],
)
def test_a_pooled_layer_becomes_the_map_that_the_network_averages(name: str, layer: str, source: str) -> None:
    backbone = create_backbone(BackboneParameters(name=name, weights="random", layers=(layer,), input_size=96))
    network = spatial(backbone)
    assert network.taps[layer].module == source
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        mean = network(images)[layer].mean(dim=(2, 3), keepdim=True)
        torch.testing.assert_close(mean, backbone(images)[layer], rtol=1e-4, atol=1e-5)


def test_the_averaged_map_is_searched_on_the_device_of_the_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device `meta` refuses images on the CPU. It has no values to compare, so that step is replaced."""
    devices = []

    def first_map(_network: object, tap: Tap, _outputs: OutputShapes, noise: torch.Tensor) -> Tap:
        devices.append(noise.device.type)
        return tap

    monkeypatch.setattr(spatial_module, "find_averaged_map", first_map)
    network = spatial(case.make_backbone(("classifier.3",)).to("meta"))
    assert (devices, network.device.type) == (["meta"], "meta")


def test_layers_without_spatial_extent_are_refused_and_maps_are_listed(
    annotations: AnnotationSet, tmp_path: Path
) -> None:
    layers = ("conv4", "fc7")
    backbone = create_backbone(BackboneParameters(name="alexnet", weights="random", layers=layers, input_size=224))
    with pytest.raises(InputError, match=r"'fc7' of alexnet.*layers that are maps: 'conv4'.*regions\.mode warp"):
        extract_to(case.make_regions(3), annotations, backbone, tmp_path, SHORT_SIDE)


def test_regions_of_a_photograph_do_not_influence_each_other(annotations: AnnotationSet, tmp_path: Path) -> None:
    regions, backbone = case.make_regions(60), case.make_backbone(case.LAYERS[:2])
    few = pd.DataFrame(regions[regions.index % 7 == 0]).reset_index(drop=True)
    stores = [
        extract_to(table, annotations, backbone, tmp_path, SHORT_SIDE, name)
        for name, table in (("all", regions), ("few", few))
    ]
    all_blocks, few_blocks = (store.read("features.6", slice(None)) for store in stores)
    np.testing.assert_array_equal(all_blocks[regions.index % 7 == 0], few_blocks)
