"""Every benchmark runs on sizes too small to time and gives finite figures; the ways that it compares agree."""

import json
import math
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from distributed import Client
from PIL import Image
from safetensors.numpy import load_file

from benchmarks import __main__ as command
from benchmarks import accuracy, default_run, growth, measuring, one_cell, pages, scaling, table
from benchmarks.__main__ import SUBJECTS
from benchmarks.extraction import default_backbone
from benchmarks.figures import Figure, Goal, Section
from benchmarks.inputs import SyntheticTask, block_shapes, synthetic_store
from benchmarks.peers import comparison, plain
from benchmarks.results import Results
from benchmarks.sizes import TINY, Sizes
from hypercolumns.backbones.vision import timm
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.targets import write_target_maps
from hypercolumns.parameters import ComputeParameters, TrainParameters
from hypercolumns.places.place import place_at

_STAGES = """
print("Running stage 'extract-train':\\n> python -m stages extract --split train")
print("Running stage 'extract-val':\\n> python -m stages extract --split val")
"""
"""A program that says what DVC says of two stages."""


class PoolInThisProcess:
    """Stands in for a pool and calls at once in this process, because starting another one takes seconds."""

    def __init__(self, *_args: object, **_options: object) -> None: ...
    def __enter__(self) -> "PoolInThisProcess":
        return self

    def __exit__(self, *_error: object) -> None: ...
    def submit(self, function: Callable[..., object], *args: object) -> "Future[object]":
        done: Future[object] = Future()
        done.set_result(function(*args))
        return done


@contextmanager
def _connect_to_threads(compute: ComputeParameters) -> Iterator[Client]:
    """Stand in for `connect`, with workers in this process."""
    with Client(processes=False, n_workers=compute.workers, threads_per_worker=1, dashboard_address=None) as client:
        yield client


@pytest.mark.parametrize("subject", list(SUBJECTS))
def test_a_benchmark_gives_finite_figures(subject: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(measuring, "ProcessPoolExecutor", PoolInThisProcess)
    monkeypatch.setattr(growth, "connect", _connect_to_threads)
    monkeypatch.setattr(default_run, "REPRO", [sys.executable, "-c", _STAGES])
    section = SUBJECTS[subject](TINY)
    assert section.figures
    assert section.settings
    assert all(math.isfinite(figure.value) for figure in section.figures)
    names = [figure.name for figure in section.figures]
    assert len(set(names)) == len(names)
    if subject == "scoring":
        # Three implementations of the same heat maps agree.
        assert section.value("largest relative difference between the ways") <= 1e-5


def test_a_peak_counts_what_a_call_holds_beyond_what_the_process_held_before() -> None:
    size = 64 * 2**20
    cost = measuring.in_new_process(np.ones, size, np.uint8)
    assert len(cost.result) == size
    assert 0.98 * size <= cost.peak < 1.5 * size  # pages are counted in batches, so some are missed


def test_rounds_alternate_their_order_and_the_first_is_not_counted() -> None:
    calls: list[str] = []
    times = measuring.interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2)
    assert "".join(calls) == "baabba"
    assert {name: len(values) for name, values in times.items()} == {"a": 2, "b": 2}


def test_a_missed_goal_is_named_with_its_reason(tmp_path: Path) -> None:
    kept = Figure("kept", 2.0, "x", goal=Goal("at least", 1.5), reason="never shown")
    missed = Figure("missed", 2.0, "x", "1 of 2 MB/s", Goal("at most", 1.5), "The disk is slow.")
    table.write_page(tmp_path / "page.md", [Section("Subject", "Settings.", (kept, missed), ("No GPU.",))], TINY)
    Results(TINY, 2, {"subject": Section("Subject", "Settings.", (kept, missed))}).write(tmp_path / "results.json")
    page = (tmp_path / "page.md").read_text()
    assert "Goals met: 1 of 2." in page
    assert "- missed: 2 x, goal at most 1.5. The disk is slow." in page
    assert "never shown" not in page
    assert "- Not measured: No GPU." in page
    read = json.loads((tmp_path / "results.json").read_text())
    assert [figure["missed"] for figure in read["sections"]["subject"]["figures"]] == [False, True]


def test_results_that_were_written_are_read_unchanged(tmp_path: Path) -> None:
    figures = (Figure("a", 2.0, "x", "1 of 2 MB/s", Goal("at most", 1.5), "The disk is slow."), Figure("b", 1.0, "ms"))
    results = Results(TINY, 2, {"subject": Section("Subject", "Settings.", figures, ("No GPU.",))})
    results.write(tmp_path / "results.json")
    assert Results.read(tmp_path / "results.json") == results


def test_the_pages_in_docs_are_those_of_the_results(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    pages.write(Results.read(root / "benchmarks" / "results.json"), tmp_path)
    for page in ("benchmarks.md", "scaling.md"):
        assert (tmp_path / page).read_text() == (root / "docs" / page).read_text(), "run `python -m benchmarks.pages`"


def test_measuring_one_subject_alone_keeps_the_figures_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def section(value: float) -> Section:
        return Section("", "", (Figure("figure", value, "x"),))

    monkeypatch.setattr(command, "SUBJECTS", {"machine": lambda _: section(3.0), "peers": lambda _: section(4.0)})
    path = tmp_path / "results.json"
    Results(Sizes(), 2, {"machine": section(1.0), "peers": section(2.0)}).write(path)
    options = ["--only", "peers", "--results", str(path), "--docs", str(tmp_path)]
    assert CliRunner().invoke(command.main, options).exit_code == 0
    assert {name: s.value("figure") for name, s in Results.read(path).sections.items()} == {
        "machine": 1.0,
        "peers": 4.0,
    }
    refused = CliRunner().invoke(command.main, [*options, "--repeats", "7"])
    assert refused.exit_code
    assert "other sizes" in refused.output


def test_missing_peers_name_the_command_that_installs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "PYTHON", tmp_path / "none")
    monkeypatch.setattr(measuring, "ProcessPoolExecutor", PoolInThisProcess)
    monkeypatch.chdir(tmp_path)
    missing = comparison.figures(TINY).missing
    assert [sentence.split(":")[0] for sentence in missing] == list(comparison.PROGRAMS)
    assert all("python -m benchmarks.peers.install" in sentence for sentence in missing)


def test_accuracy_is_recorded_per_solver_and_the_last_row_replaces_earlier_ones(tmp_path: Path) -> None:
    path = tmp_path / "accuracy.json"
    path.write_text("[]")
    one = accuracy.Measured("photographs", "exact", "", 0.1, 0.1, 0.1, 1.0, 1.0)
    other = replace(one, solver="sgd")
    for measured in (one, other, replace(one, mean_iou=0.2)):
        accuracy.record(measured, path)
    assert accuracy.read(path) == (replace(one, mean_iou=0.2), other)
    section = accuracy.section(path)
    assert [figure.value for figure in section.figures] == [0.2, 0.1]
    assert not section.missing
    path.write_text("[]")
    assert len(accuracy.section(path).missing) == len(accuracy.SOLVERS)


def test_the_costs_of_a_data_set_are_measured_slopes_times_its_regions(tmp_path: Path) -> None:
    def section(*figures: tuple[str, float]) -> Section:
        return Section("", "", tuple(Figure(name, value, "") for name, value in figures))

    sections = {
        "store": section(("EfficientNet-Lite0: stored bytes per region", 0.5)),
        "extraction": section(("EfficientNet-Lite0, CPU: regions per second", 100.0)),
        "growth": section(
            ("exact, K = 5: train and predict, per region on one core", 7.2),
            ("sgd, K = 1: train and predict, per region on one core", 3.6),
        ),
    }
    scaling.write_page(tmp_path / "scaling.md", sections, 2)
    last = next(line for line in (tmp_path / "scaling.md").read_text().splitlines() if "100 million regions |" in line)
    layers = default_backbone().layers
    sample = TrainParameters().pixels_per_region * sum(layer.channels for layer in layers) * 2
    # Sides are computed from strides here, not by a forward pass; the finest maps, 56 x 56, are laid out as 50 x 50.
    sides = [224 // layer.stride if layer.stride else 1 for layer in layers]
    maps = sum(2 * layer.channels * min(side, 50) ** 2 for layer, side in zip(layers, sides, strict=True))
    region = sum(2 * layer.channels * side**2 for layer, side in zip(layers, sides, strict=True))
    shards = math.ceil(1e8 / (2**29 // (64 * region) * 64))  # parts of 64 regions, 512 MB
    copies = f"{scaling.format_bytes(maps * 1e8)} | {scaling.format_bytes(sample * 1e8)}"
    assert f"| 100,000,000 | 50 TB | {copies} | {shards * len(layers):,} |" in last
    assert "| 556 | 28 | 200 | 100 |" in last


def test_the_predicted_bytes_of_laid_out_maps_are_those_of_their_files(tmp_path: Path) -> None:
    shapes = {"finer": (3, 56, 56), "coarse": (5, 7, 7), "vector": (11, 1, 1)}
    synthetic_store(tmp_path / "store.zarr", 2, shapes)
    store = FeatureStore.open(tmp_path / "store.zarr")
    write_target_maps(tmp_path / "targets.zarr", SyntheticTask(), store, 50)
    maps = MapFiles(
        store=store.path,
        place=place_at(tmp_path / "maps"),
        n_regions=len(store),
        layers=store.layers,
        heat_map=50,
    )
    maps.begin(tmp_path / "targets.zarr")
    maps.lay_out(0)
    arrays = load_file(tmp_path / "maps" / maps.name(0))
    values = [arrays[f"0/{layer}"].nbytes for layer in shapes]
    assert sum(values) == 2 * scaling.maps_bytes(shapes, 50)


def test_the_plain_script_saves_the_values_of_the_default_layers(tmp_path: Path) -> None:
    backbone = default_backbone()
    assert [tap.module for tap in backbone.taps.values()] == list(plain.MODULES)
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    hooked: dict[str, int] = {}
    for name in plain.MODULES:
        network.get_submodule(name).register_forward_hook(
            lambda _module, _input, output, name=name: hooked.__setitem__(name, output.shape[1])
        )
    Image.new("RGB", (32, 32)).save(tmp_path / "photograph.png")
    case = {"photographs": [{"path": str(tmp_path / "photograph.png"), "boxes": [[0, 0, 16, 16]]}]}
    plain.features(case, network, tmp_path)
    assert sum(hooked.values()) == sum(layer.channels for layer in backbone.layers)
    assert np.load(tmp_path / "0.npy").shape == (1, sum(int(np.prod(s)) for s in block_shapes(backbone).values()))


def test_the_exact_solver_reaches_the_objective_of_scikit_learn_on_dense_hypercolumns(tmp_path: Path) -> None:
    synthetic_store(tmp_path / "store.zarr", 12, {"map": (4, 13, 13), "vector": (16, 1, 1)})
    settings = TrainParameters(solver="exact", tolerance=1e-5)
    (tmp_path / "maps").mkdir()
    fits = (
        one_cell.fit_pipeline(tmp_path / "store.zarr", settings, tmp_path / "maps"),
        one_cell.fit_script(tmp_path / "store.zarr", settings),
    )
    nothing = one_cell.Fit(np.zeros(20), 0.0)
    solver, script, worst = one_cell.objectives(tmp_path / "store.zarr", settings, (*fits, nothing))
    # Each exceeds the optimum by at most |gradient|^2 / (2 alpha).
    assert abs(solver - script) < 21 * settings.tolerance**2 / (2 * settings.alpha)
    assert solver < worst - 0.1
