"""One pass per photograph: regions are cut out of its maps, and what was seen is not seen again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from hypercolumns import FeatureStore
from hypercolumns.annotations.images import read_image
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import Backbone, create_backbone
from hypercolumns.backbones import spatial as spatial_module
from hypercolumns.backbones.spatial import spatial
from hypercolumns.backbones.taps import Outputs, Tap
from hypercolumns.errors import InputError
from hypercolumns.features import streams, whole
from hypercolumns.features.extraction import extract
from hypercolumns.parameters import BackboneParameters
from hypercolumns.regions.pooling import pool
from tests.features import extraction_case as case

SIDE = 96


@pytest.fixture(scope="module")
def annotations(tmp_path_factory: pytest.TempPathFactory) -> AnnotationSet:
    return case.write_photographs(tmp_path_factory.mktemp("photos"))


def see_whole(
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
    """Identity 3 for whole photographs, against the sparse operator of `regions.pooling` and torch's resampling."""
    regions, backbone = case.make_regions(40), case.make_backbone()
    store = see_whole(regions, annotations, backbone, tmp_path, SIDE, expansion=1.5)
    # 90 x 70 pixels, the short side as 96 and both in whole cells of 16 pixels, that of the last convolution.
    size, seeing = (96, 128), spatial(backbone)
    for row in (0, 17, 39):
        image = annotations.image_by_id[int(regions["image"][row])]
        photo = torch.from_numpy(read_image(annotations.image_path(image)).copy()).permute(2, 0, 1)[None] / 255
        scaled = torch.nn.functional.interpolate(photo, size, mode="bilinear", antialias=True)
        with torch.inference_mode():
            maps = {name: values[0].numpy() for name, values in seeing(scaled).items()}
        for name in case.LAYERS:
            block = store.read(name, slice(row, row + 1))[0]
            cells = block.shape[1]
            samples = max(2, -(-8 // cells))
            expected = pool(maps[name], store.expanded_boxes[row], (case.WIDTH, case.HEIGHT), cells, samples)[0].T
            np.testing.assert_allclose(
                block.reshape(expected.shape), expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max()
            )


def test_the_pooled_layer_of_the_whole_photograph_is_that_of_the_network(
    annotations: AnnotationSet, tmp_path: Path
) -> None:
    """A box as large as a photograph of the network's size: the mean over the box is the global average."""
    backbone = case.make_backbone(("classifier.3",))
    whole_photo = case.make_regions(1).assign(x0=0.0, y0=0.0, x1=float(case.WIDTH), y1=float(case.HEIGHT), image=1)
    store = see_whole(whole_photo, annotations, backbone, tmp_path, 64, expansion=1.0)
    photo = torch.from_numpy(read_image(annotations.image_path(annotations.image_by_id[1])).copy())
    scaled = torch.nn.functional.interpolate(
        photo.permute(2, 0, 1)[None] / 255, (64, 80), mode="bilinear", antialias=True
    )
    with torch.inference_mode():
        expected = backbone(scaled)["classifier.3"][0].numpy()
    block = store.read("classifier.3", slice(0, 1))[0]
    # Samples lie closer together than the cells, but not on them: a mean of interpolated values, not the same mean.
    np.testing.assert_allclose(block.ravel(), expected.ravel(), rtol=0, atol=5e-3 * np.abs(expected).max())


def test_seen_photographs_are_not_seen_again(
    annotations: AnnotationSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many shards a photograph has regions in, and whatever moment an interruption comes at."""
    monkeypatch.setattr(whole, "GROUP", 2)
    seen: list[object] = []
    real = whole.photograph_maps

    def counted(*arguments: object) -> object:
        if len(seen) == limit:
            raise KeyboardInterrupt
        seen.append(arguments)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(whole, "photograph_maps", counted)
    monkeypatch.setattr(streams, "STREAMS", {"cpu": 1})  # one after the other
    limit = 3
    with pytest.raises(KeyboardInterrupt):
        case.run(annotations, tmp_path / "f.zarr", tmp_path / "s", "image")
    assert not (tmp_path / "f.zarr").exists()
    limit = 3 + case.IMAGES - 2  # two are a complete group, the third is not
    case.run(annotations, tmp_path / "f.zarr", tmp_path / "s", "image")
    assert len(seen) == limit


def test_lost_rows_are_computed_again(tmp_path: Path) -> None:
    """Markers whose rows are gone, as a kill while cleaning up leaves them, are not trusted."""
    spool = whole.Spool(tmp_path / "rows", 4, {"a": (2, 3, 3)})
    spool.write(np.array([2, 0]), {"a": np.ones((2, 2, 3, 3), np.float16)})
    spool.finish(0)
    again = whole.Spool(tmp_path / "rows", 4, {"a": (2, 3, 3)})
    assert again.has(0)
    assert again.read(slice(0, 3))["a"][:, 0, 0, 0].tolist() == [1, 0, 1]
    (tmp_path / "rows/rows").unlink()
    assert not whole.Spool(tmp_path / "rows", 4, {"a": (2, 3, 3)}).has(0)


def test_modes_never_share_features(annotations: AnnotationSet, tmp_path: Path) -> None:
    """Stores of both modes and of another short side differ, in their blocks and in their keys."""
    regions, backbone = case.make_regions(3), case.make_backbone(case.LAYERS[:1])
    stores = []
    for side in (None, 64, 96):
        stores.append(see_whole(regions, annotations, backbone, tmp_path, side, f"{side}.zarr"))
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
def test_a_pooled_layer_is_the_map_that_was_averaged(name: str, layer: str, source: str) -> None:
    backbone = create_backbone(BackboneParameters(name=name, weights="random", layers=(layer,), input_size=96))
    seeing = spatial(backbone)
    assert seeing.taps[layer].module == source
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        mean = seeing(images)[layer].mean(dim=(2, 3), keepdim=True)
        torch.testing.assert_close(mean, backbone(images)[layer], rtol=1e-4, atol=1e-5)


def test_the_average_is_looked_for_on_the_device_of_the_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """`meta`, which refuses images of the CPU, has no values to compare: that step is left out."""
    devices = []

    def first_map(_network: object, tap: Tap, _outputs: Outputs, noise: torch.Tensor) -> Tap:
        devices.append(noise.device.type)
        return tap

    monkeypatch.setattr(spatial_module, "source_of_mean", first_map)
    seeing = spatial(case.make_backbone(("classifier.3",)).to("meta"))
    assert (devices, seeing.device.type) == (["meta"], "meta")


def test_layers_without_a_place_are_refused_with_those_that_have_one(
    annotations: AnnotationSet, tmp_path: Path
) -> None:
    layers = ("conv4", "fc7")
    backbone = create_backbone(BackboneParameters(name="alexnet", weights="random", layers=layers, input_size=224))
    with pytest.raises(InputError, match=r"'fc7' of alexnet.*layers that are maps: 'conv4'.*regions\.mode warp"):
        see_whole(case.make_regions(3), annotations, backbone, tmp_path, SIDE)


def test_regions_of_a_photograph_do_not_influence_each_other(annotations: AnnotationSet, tmp_path: Path) -> None:
    regions, backbone = case.make_regions(60), case.make_backbone(case.LAYERS[:2])
    few = pd.DataFrame(regions[regions.index % 7 == 0]).reset_index(drop=True)
    stores = [
        see_whole(table, annotations, backbone, tmp_path, SIDE, name)
        for name, table in (("all", regions), ("few", few))
    ]
    every, some = (store.read("features.6", slice(None)) for store in stores)
    np.testing.assert_array_equal(every[regions.index % 7 == 0], some)
