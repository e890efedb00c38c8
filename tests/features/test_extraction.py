"""Extraction equals a direct forward pass, whatever the batch size and however often it is interrupted."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image as Photo
from torch.nn import functional

from hypercolumns import FeatureStore
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.photographs.reading import read_image
from hypercolumns.backbones import Backbone
from hypercolumns.devices import choose_device
from hypercolumns.errors import InputError
from hypercolumns.features import extraction, passes, streams
from hypercolumns.features.passes import REGIONS_PER_PASS
from hypercolumns.features.schema import BOX, COLUMNS, REGIONS_PER_PART
from hypercolumns.parameters import ComputeParameters
from tests.features import extraction_case as case


def contents(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


@pytest.fixture(scope="module")
def annotations(tmp_path_factory: pytest.TempPathFactory) -> AnnotationSet:
    return case.write_photographs(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return case.make_backbone()


@pytest.fixture(scope="module", params=list(case.SHORT_SIDES))
def mode(request: pytest.FixtureRequest) -> str:
    """`regions.mode`."""
    return str(request.param)


@pytest.fixture(scope="module")
def finished(annotations: AnnotationSet, mode: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("finished")
    case.run(annotations, folder / "features.zarr", folder / "scratch", mode)
    return folder / "features.zarr"


@pytest.fixture(scope="module")
def warped(annotations: AnnotationSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("warped")
    case.run(annotations, folder / "features.zarr", folder / "scratch", "warp")
    return folder / "features.zarr"


def count_passes(extract: Callable[[], None], limit: int | None = None) -> int:
    """Count the forward passes that `extract` starts; interrupt it when it starts one more than `limit`."""
    count = 0
    run_pass = passes._run_pass

    def interrupt(backbone: Backbone, images: torch.Tensor) -> dict[str, torch.Tensor]:
        nonlocal count
        if count == limit:
            raise KeyboardInterrupt
        count += 1
        return run_pass(backbone, images)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "_run_pass", interrupt)
        with suppress(KeyboardInterrupt):
            extract()
    return count


def test_store_equals_a_direct_forward_pass(warped: Path, annotations: AnnotationSet, backbone: Backbone) -> None:
    """Hypercolumns from the store equal those of the network on the same crop, up to float16."""
    store = FeatureStore.open(warped)
    rows = [i for i, (x0, y0, x1, y1) in enumerate(store.expanded_boxes) if x0 >= 0 <= y0 and x1 <= 90 and y1 <= 70]
    rows = [i for i in rows if (store.expanded_boxes[i] % 1 == 0).all()][:3]
    assert rows
    columns = store.hypercolumns(rows, size=10).compute()
    for row, column in zip(rows, columns, strict=True):
        x0, y0, x1, y1 = store.expanded_boxes[row].astype(int)
        image = annotations.image_by_id[int(store.regions["image"][row])]
        photo = torch.from_numpy(read_image(annotations.image_path(image)).copy())
        crop = photo[y0:y1, x0:x1].permute(2, 0, 1)[None] / 255
        crop = functional.interpolate(crop, (64, 64), mode="bilinear", antialias=True)
        with torch.inference_mode():
            maps = [functional.interpolate(m, (10, 10), mode="bilinear") for m in backbone(crop).values()]
        expected = torch.cat(maps, dim=1)[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(column, expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_batch_size_does_not_change_a_byte(
    warped: Path, annotations: AnnotationSet, backbone: Backbone, tmp_path: Path, batch_size: int
) -> None:
    compute = ComputeParameters(device="cpu", batch_size=batch_size)
    case.run(annotations, tmp_path / "f.zarr", tmp_path / "s", "warp", backbone, compute=compute)
    assert contents(tmp_path / "f.zarr") == contents(warped)


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_the_number_of_cores_does_not_change_a_byte(
    finished: Path, annotations: AnnotationSet, mode: str, tmp_path: Path, threads: int
) -> None:
    """There are as many parallel passes as threads, and they may end in any order."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        case.run(annotations, tmp_path / "f.zarr", tmp_path / "s", mode)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert contents(tmp_path / "f.zarr") == contents(finished)


def test_a_killed_run_resumes_and_gives_the_same_bytes(finished: Path, mode: str, tmp_path: Path) -> None:
    """Several runs are killed with SIGKILL at random moments; the next run completes the store."""
    (tmp_path / "photos").mkdir()
    program = [
        sys.executable,
        case.__file__,
        *(str(tmp_path / name) for name in ("photos", "f.zarr", "scratch")),
        *("1", "5", mode),
    ]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    completed = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120)  # noqa: S603
    assert completed.returncode == 0, completed.stderr
    found = [int(n) for n in completed.stdout.split()]
    assert any(n > 0 for n in found), "no run found a part of the blocks, so the test shows nothing"
    assert found == sorted(found), "nothing that was finished is lost"
    assert contents(tmp_path / "f.zarr") == contents(finished)


def test_finished_parts_are_not_computed_again(
    warped: Path, annotations: AnnotationSet, backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_STREAMS", {"cpu": 1})  # passes run in order, so we know which are finished

    def extract(name: str) -> None:
        case.run(annotations, tmp_path / "f.zarr", tmp_path / name, "warp", backbone)

    expected = -(-case.REGIONS // REGIONS_PER_PASS)
    assert count_passes(lambda: extract("first")) == expected
    (tmp_path / "f.zarr").rename(tmp_path / "first.zarr")
    assert count_passes(lambda: extract("s"), limit=expected - 2) == expected - 2
    assert not (tmp_path / "f.zarr").exists()
    remaining = -(-(case.REGIONS - 2 * REGIONS_PER_PART) // REGIONS_PER_PASS)
    assert count_passes(lambda: extract("s")) == remaining
    assert contents(tmp_path / "f.zarr") == contents(tmp_path / "first.zarr") == contents(warped)


@pytest.mark.parametrize("changed", ["layers", "weights", "photograph", "expansion"])
def test_a_change_of_everything_computes_everything(annotations: AnnotationSet, tmp_path: Path, changed: str) -> None:
    """After an interrupted run, a run with a change computes all regions and equals a run with empty scratch."""
    regions = case.make_regions(100)
    old_network = case.make_backbone()

    def extract(images: AnnotationSet, network: Backbone, factor: float, name: str) -> None:
        out, scratch = tmp_path / f"{name}.zarr", tmp_path / name
        extraction.extract(regions, images, network, out, scratch=scratch, expansion=factor, compute=case.CPU)

    assert count_passes(lambda: extract(annotations, old_network, 1.5, "a"), limit=6) == 6
    assert not (tmp_path / "a.zarr").exists()
    images, network, factor = annotations, old_network, 1.5
    if changed == "layers":
        network = case.make_backbone(case.LAYERS[:2])
    elif changed == "weights":
        network = case.make_backbone(seed=1)
    elif changed == "expansion":
        factor = 1.2
    else:
        folder = tmp_path / "photos"
        folder.mkdir()
        images = replace(case.write_photographs(folder), image_root=str(folder))
        for image in images.images:
            Photo.new("RGB", (case.WIDTH, case.HEIGHT), (image.id, 0, 0)).save(folder / image.file_name)
    assert count_passes(lambda: extract(images, network, factor, "a")) == -(-100 // REGIONS_PER_PASS)
    (tmp_path / "a.zarr").rename(tmp_path / "changed.zarr")
    extract(images, network, factor, "a")
    (tmp_path / "a").rename(tmp_path / "old scratch")
    (tmp_path / "a.zarr").rename(tmp_path / "copied.zarr")
    extract(images, network, factor, "a")
    assert contents(tmp_path / "a.zarr") == contents(tmp_path / "changed.zarr") == contents(tmp_path / "copied.zarr")


def test_equal_photographs_in_another_folder_give_equal_bytes(finished: Path, mode: str, tmp_path: Path) -> None:
    """The store contains neither paths nor times."""
    case.run(case.write_photographs(tmp_path), tmp_path / "f.zarr", tmp_path / "s", mode)
    assert contents(tmp_path / "f.zarr") == contents(finished)


@pytest.mark.parametrize(
    ("damage", "message"),
    [("truncated", "3.png cannot be read"), ("missing", "3.png cannot be read"), ("resized", "photograph is 10 x 10")],
)
def test_damaged_photographs_are_named(mode: str, tmp_path: Path, damage: str, message: str) -> None:
    annotations = case.write_photographs(tmp_path)
    path = tmp_path / "3.png"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:200])
    elif damage == "missing":
        path.unlink()
    else:
        Photo.new("RGB", (10, 10)).save(path)
    with pytest.raises(InputError, match=message):
        case.run(annotations, tmp_path / "f", tmp_path / "s", mode)
    assert not (tmp_path / "f").exists()


def test_a_backbone_may_be_on_another_device_after_an_earlier_extraction() -> None:
    """The device `meta` stands for any accelerator: it refuses images on the CPU but computes shapes."""
    on_cpu, moved = case.make_backbone(), case.make_backbone().to("meta")
    assert extraction.block_shapes(moved) == extraction.block_shapes(on_cpu)


def test_nan_values_are_refused(annotations: AnnotationSet, tmp_path: Path) -> None:
    backbone = case.make_backbone()
    next(backbone.parameters()).data.fill_(float("nan"))
    with pytest.raises(InputError, match=r"features\.3.*NaN"):
        extraction.extract(
            case.make_regions(5),
            annotations,
            backbone,
            tmp_path / "f",
            scratch=tmp_path / "s",
            expansion=1.0,
            compute=case.CPU,
        )


def test_the_store_keeps_regions_layers_and_categories(finished: Path) -> None:
    store = FeatureStore.open(finished)
    pd.testing.assert_frame_equal(store.regions[list(COLUMNS)], case.make_regions())
    assert store.layers == case.LAYERS
    assert store.attributes["categories"] == {"1": "a", "2": "b"}
    assert store.regions[BOX].shape == (case.REGIONS, 4)


def test_an_unavailable_device_is_refused() -> None:
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match=r"'cuda'.*choose auto, "):
            choose_device("cuda")
    assert choose_device("cpu").type == "cpu"
