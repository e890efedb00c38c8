"""A bundle has the same bytes for the same content, and anything damaged or foreign is refused in one paragraph."""

import contextlib
import hashlib
import os
import shutil
import stat
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import safetensors.torch
from click.testing import CliRunner

from hypercolumns import GridModel, InputError, Parameters, Segmenter, Workspace, steps
from hypercolumns.backbones import create_backbone
from hypercolumns.backbones.registry import build_network, find_recipe
from hypercolumns.bundle import bundle as opening
from hypercolumns.bundle.archive import pack
from hypercolumns.bundle.bundle import Bundle
from hypercolumns.bundle.manifest import Manifest
from hypercolumns.cli.main import main
from hypercolumns.grid.spec import GridSpec
from hypercolumns.parameters import BackboneParameters
from tests.stores import golden_content
from tests.trained_projects import TASKS, TrainedProject


@pytest.fixture
def folder(warped: TrainedProject, tmp_path: Path) -> Path:
    """A copy of the bundle."""
    return shutil.copytree(warped.workspace.bundle, tmp_path / "model")


@pytest.fixture
def archive(warped: TrainedProject, tmp_path: Path) -> Path:
    return shutil.copyfile(warped.workspace.bundle_archive, tmp_path / "model.zip")


def copied(project: TrainedProject, folder: Path) -> Workspace:
    """A copy of a finished pipeline, whose files are newer."""
    for name in ("data", "metrics"):
        shutil.copytree(project.folder / name, folder / name, copy_function=shutil.copyfile)
    return Workspace.at(folder)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def refused(path: Path, weights: Path | None = None) -> str:
    """The message with which a bundle is refused: one paragraph that names it."""
    with pytest.raises(InputError) as caught:
        Bundle.open(path, weights)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def edit(folder: Path, **changes: object) -> None:
    """Change the manifest, as one who knows how it is sealed."""
    path = folder / "model.json"
    manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    path.write_bytes(msgspec.structs.replace(manifest, **changes).sealed().encode())


def test_the_same_content_gives_the_same_bytes(warped: TrainedProject, tmp_path: Path) -> None:
    workspace = copied(warped, tmp_path)
    for path in files(workspace.data):
        os.utime(path, (10**9, 10**9))
    shutil.rmtree(workspace.bundle)
    steps.bundle_models(warped.parameters, workspace)
    assert workspace.bundle_archive.read_bytes() == warped.workspace.bundle_archive.read_bytes()
    for path in files(workspace.bundle):
        assert path.read_bytes() == (warped.workspace.bundle / path.relative_to(workspace.bundle)).read_bytes()


def test_the_archive_is_the_folder(warped: TrainedProject, tmp_path: Path) -> None:
    with zipfile.ZipFile(warped.workspace.bundle_archive) as opened:
        opened.extractall(tmp_path)
    bundle = warped.workspace.bundle
    assert [path.relative_to(tmp_path) for path in files(tmp_path)] == [p.relative_to(bundle) for p in files(bundle)]
    for path in files(bundle):
        assert path.read_bytes() == (tmp_path / path.relative_to(bundle)).read_bytes()


def test_the_manifest_tells_what_was_trained(warped: TrainedProject) -> None:
    bundle = warped.workspace.bundle
    manifest = Manifest.read(bundle, bundle)
    listed = {path.relative_to(bundle).as_posix(): path for path in files(bundle) if path.name != "model.json"}
    assert manifest.files == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in listed.items()}
    assert manifest.tasks == TASKS
    assert manifest.detects
    assert manifest.network.layers == warped.parameters.backbone.layers
    assert manifest.network.input_size == 64
    assert manifest.regions.mode == "warp"
    assert [category.name for category in manifest.categories] == [c.name for c in warped.val.categories]


def test_a_flipped_byte_in_any_file_is_noticed(folder: Path) -> None:
    generator = np.random.default_rng(0)
    for path in files(folder):
        content = bytearray(path.read_bytes())
        content[generator.integers(len(content))] ^= 1
        kept = path.read_bytes()
        path.write_bytes(content)
        assert path.name in refused(folder)
        path.write_bytes(kept)
    Bundle.open(folder)


class NotReachedError(Exception):
    """The bundle is taken for whole."""


def not_reached(*_: object) -> None:
    raise NotReachedError


def test_a_flipped_byte_in_an_archive_is_noticed_or_changes_nothing(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dates and permissions of the entries are not read."""
    whole = archive.read_bytes()
    expected = Bundle.open(archive).manifest
    start = whole.index(b"PK\x01\x02")
    generator = np.random.default_rng(0)
    places = [*generator.integers(start, size=25), *generator.integers(start, len(whole), size=60), *range(40)]
    monkeypatch.setattr("hypercolumns.bundle.bundle._create_backbone", not_reached)
    for place in (int(place) for place in places):
        content = bytearray(whole)
        content[place] ^= 1 << int(generator.integers(8))
        archive.write_bytes(content)
        with contextlib.suppress(InputError, NotReachedError):
            Bundle.open(archive)
    archive.write_bytes(whole)
    monkeypatch.undo()
    assert Bundle.open(archive).manifest == expected


def test_a_missing_file(folder: Path) -> None:
    missing = files(folder)[3]
    missing.unlink()
    assert f"{missing.relative_to(folder).as_posix()} is missing" in refused(folder)
    missing.mkdir()
    assert "is missing" in refused(folder)
    (folder / "model.json").unlink()
    assert "it has no model.json" in refused(folder)


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.9999])
def test_a_truncated_archive(archive: Path, share: float) -> None:
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * share)])
    assert "cannot be unpacked" in refused(archive)


def test_paths_that_are_no_bundle(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "nothing")
    assert "does not exist" in refused(tmp_path / ("long" * 100))
    assert "it has no model.json" in refused(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not the manifest"),
        (b"[]", "not the manifest"),
        (b"{}", "not the manifest"),
        (b"\xff\xfe", "not the manifest"),
        (b"[" * 100_000, "not the manifest"),
        (b'{"schema": "hypercolumns-model/5"}', "newer version"),
        (b'{"schema": "hypercolumns-grid/1"}', "not a trained model"),
        (b'{"schema": "hypercolumns-model/4"}', "damaged"),
    ],
)
def test_manifests_that_are_none(folder: Path, content: bytes, words: str) -> None:
    (folder / "model.json").write_bytes(content)
    assert words in refused(folder)


OUTSIDE = ["../x", "/x", "C:\\x", "C:/x", "a/../../x", "a\\..\\x", "./x", "a//x", ".."]


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_outside_of_the_folder_in_an_archive(archive: Path, name: str) -> None:
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(zipfile.ZipInfo(name), b"x")
    refused(archive)
    assert not (archive.parent / "x").exists()


@pytest.mark.parametrize("name", [*OUTSIDE, "", "a\0b"])
def test_names_outside_of_the_folder_in_the_manifest(folder: Path, name: str) -> None:
    edit(folder, files={name: "0" * 64})
    assert "does not lie in the folder" in refused(folder)
    edit(folder, files={}, tasks=(name,))
    assert "does not lie in the folder" in refused(folder)


def test_an_entry_that_unpacks_to_more_than_it_says(tmp_path: Path) -> None:
    """A gigabyte of zeros that claims to have ten bytes; neither memory nor disk is filled with it."""
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened, opened.open("model.json", "w") as entry:
        for _ in range(64):
            entry.write(bytes(2**20))
    content = bytearray(path.read_bytes())
    size = (64 * 2**20).to_bytes(4, "little")
    assert content.count(size) >= 1
    path.write_bytes(content.replace(size, (10).to_bytes(4, "little")))
    tracemalloc.start()
    assert "cannot be unpacked" in refused(path)
    assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    tracemalloc.stop()


def test_an_archive_that_says_it_is_huge(archive: Path) -> None:
    content = archive.read_bytes()
    with zipfile.ZipFile(archive) as opened:
        size = max(entry.file_size for entry in opened.infolist())
    start = content.index(b"PK\x01\x02")
    old = size.to_bytes(4, "little") * 2
    assert old in content[start:]
    new = size.to_bytes(4, "little") + (0xFFFFFFFE).to_bytes(4, "little")
    archive.write_bytes(content[:start] + content[start:].replace(old, new))
    assert "would unpack to" in refused(archive)


def test_entries_twice_links_and_encryption(archive: Path) -> None:
    whole = archive.read_bytes()
    with zipfile.ZipFile(archive, "a") as opened, pytest.warns(UserWarning, match="Duplicate"):
        opened.writestr("model.json", b"{}")
    assert "cannot be unpacked" in refused(archive)
    archive.write_bytes(whole)
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(link, b"/etc/passwd")
        opened.writestr("link/x", b"below a link")
    assert "cannot be unpacked" in refused(archive)
    start = whole.index(b"PK\x01\x02")
    content = bytearray(whole)
    content[start + 8] |= 1  # encrypted
    content[6] |= 1
    archive.write_bytes(content)
    assert "cannot be unpacked" in refused(archive)


def test_weights_in_a_file(warped: TrainedProject, folder: Path, tmp_path: Path) -> None:
    backbone = create_backbone(warped.parameters.backbone, warped.parameters.seed)
    weights, changed = tmp_path / "right.safetensors", tmp_path / "wrong.safetensors"
    settings = warped.parameters.backbone
    network = build_network(settings, find_recipe(settings.name), warped.parameters.seed)
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    safetensors.torch.save_file(tensors, weights)
    assert Bundle.open(folder, weights).backbone.weights_sha256 == backbone.weights_sha256
    first = next(iter(name for name, tensor in tensors.items() if tensor.is_floating_point()))
    safetensors.torch.save_file(tensors | {first: tensors[first] + 1}, changed)
    message = refused(folder, changed)
    assert str(changed) in message
    assert "--weights" in message


def test_without_a_detector_boxes_are_needed(warped: TrainedProject, tmp_path: Path) -> None:
    workspace = copied(warped, tmp_path)
    detection = warped.parameters.detection.model_copy(update={"source": "ground_truth"})
    steps.bundle_models(warped.parameters.model_copy(update={"detection": detection}), workspace)
    assert not (workspace.bundle / "detector.zarr").exists()
    segmenter = Segmenter.open(workspace.bundle_archive, device="cpu")
    with pytest.raises(InputError, match=r"no detector.*give boxes"):
        segmenter(warped.photographs[0])
    assert len(segmenter(warped.photographs[0], [[10, 10, 60, 60]], segmenter.categories[0].name)) == 1
    out = tmp_path / "out"
    done = CliRunner().invoke(
        main, ["segment", str(warped.photographs[0]), "--model", str(workspace.bundle), "-o", str(out)]
    )
    assert done.exit_code == 1
    assert "give boxes" in done.output


def test_grids_of_other_features_are_not_bundled(warped: TrainedProject, tmp_path: Path) -> None:
    workspace = copied(warped, tmp_path)
    model = GridModel.open(workspace.model("parts"))
    shutil.rmtree(workspace.model("parts"))
    replace(model, features={**model.features, "expansion": 1.5}).save(workspace.model("parts"))
    with pytest.raises(InputError, match=r"parts\.zarr.*expansion was 1\.5"):
        steps.bundle_models(warped.parameters, workspace)
    assert workspace.bundle_archive.read_bytes() == warped.workspace.bundle_archive.read_bytes()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"targets": tuple("abcdefghijklmn")},  # as many as the puppets have parts
            r"parts\.zarr was trained for the targets a, b, c, .*, but the annotations have",
        ),
        ({"group_of_category": {1: 0, 99: 0}}, r"parts\.zarr answers for the categories 99, which"),
        ({"features": {}}, r"parts\.zarr does not say on which features"),
    ],
)
def test_grids_of_another_task_or_other_categories_are_not_bundled(
    warped: TrainedProject, tmp_path: Path, changes: dict, message: str
) -> None:
    workspace = copied(warped, tmp_path)
    model = GridModel.open(workspace.model("parts"))
    shutil.rmtree(workspace.model("parts"))
    replace(model, **changes).save(workspace.model("parts"))
    with pytest.raises(InputError, match=message):
        steps.bundle_models(warped.parameters, workspace)


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"x"), lambda path: path.unlink()])
@pytest.mark.parametrize("command", ["segment", "heatmap"])
def test_commands_refuse_a_damaged_bundle(
    folder: Path, warped: TrainedProject, tmp_path: Path, damage: Callable[[Path], object], command: str
) -> None:
    damage(files(folder)[0])
    arguments = [command, str(warped.photographs[0]), "--model", str(folder), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


def verified(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["verify", *map(str, arguments)])
    assert "Traceback" not in done.output
    return done.exit_code, done.output


def test_verify_finds_a_model_sound(folder: Path, archive: Path) -> None:
    n = len(files(folder)) - 1
    for path in (folder, archive):
        assert verified(path) == (0, f"{path}: sound, {n} files and the manifest\n")


@pytest.mark.parametrize("packed", [False, True])
def test_verify_lists_all_damage_of_a_model_and_says_what_to_do(folder: Path, tmp_path: Path, packed: bool) -> None:
    first, second = (
        path for path in files(folder) if path.name != "model.json" and path.parent == folder / "detector.zarr"
    )
    path = folder
    first.write_bytes(b"x")
    second.unlink()
    if packed:
        path = tmp_path / "damaged.zip"
        pack(folder, path)
    code, output = verified(path)
    assert code == 1
    assert output.splitlines()[:2] == [
        f"{path}: the SHA-256 of {first.relative_to(folder)} is not the one in model.json",
        f"{path}: {second.relative_to(folder)} is missing",
    ]
    code, output = verified(path, "--repair")
    assert code == 1
    assert f"{path} is not repaired: delete it and run `dvc repro bundle`" in output


def test_the_cure_for_a_store_in_the_model_of_a_pipeline_is_told(
    warped: TrainedProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(warped, tmp_path)
    shutil.copyfile(warped.folder / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    Path("data/model/detector.zarr/zarr.json").unlink()
    code, output = verified("data", "--repair")
    assert code == 1
    assert "delete data/model and run `dvc repro bundle`" in output


def test_verify_refuses_a_damaged_manifest(folder: Path) -> None:
    path = folder / "model.json"
    path.write_text(path.read_text().replace('"score', '"sc0re').replace("0.5", "0.6"))
    assert verified(folder)[0] == 1
    code, output = verified(folder, "--repair")
    assert code == 1
    assert "model.json is not as it was written. " in output
    assert "dvc repro bundle" in output


def test_an_archive_depends_on_content_alone(tmp_path: Path) -> None:
    for name, order in (("a", "xyz"), ("b", "zyx")):
        (tmp_path / name / "sub").mkdir(parents=True)
        for letter in order:
            (tmp_path / name / "sub" / letter).write_text(letter)
        pack(tmp_path / name, tmp_path / f"{name}.zip")
    (tmp_path / "b/sub/x").chmod(0o600)
    pack(tmp_path / "b", tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        assert opened.namelist() == ["sub/x", "sub/y", "sub/z"]


def test_manifest_values_that_do_not_fit(folder: Path) -> None:
    manifest = Manifest.read(folder, folder)
    edit(folder, parameters={**manifest.parameters, "seed": "many"})
    assert "seed" in refused(folder)
    edit(folder, parameters=manifest.parameters, network=msgspec.structs.replace(manifest.network, layers=("nothing",)))
    with pytest.raises(InputError, match="nothing"):
        Bundle.open(folder)
    ranking = manifest.ranking
    for changed in (
        msgspec.structs.replace(ranking, knots=()),
        msgspec.structs.replace(ranking, values=ranking.values[:-1]),
        msgspec.structs.replace(ranking, knots=((1.0,), (1.0, 2.0))),
        msgspec.structs.replace(ranking, features=()),
    ):
        edit(folder, network=manifest.network, ranking=changed)
        refused(folder)


def test_parameters_are_those_of_the_run(warped: TrainedProject) -> None:
    opened = Bundle.open(warped.workspace.bundle).parameters
    assert isinstance(opened, Parameters)
    for section in ("backbone", "detection", "regions", "predict", "proposals"):
        assert getattr(opened, section) == getattr(warped.parameters, section)


def test_grids_that_learned_from_tokens_without_the_final_norm_are_refused() -> None:
    """Earlier versions read them so; their maps are no longer what the grids were trained on."""
    settings = BackboneParameters(name="timm:vit_tiny_patch16_224", weights="random", layers=("blocks.1",))
    backbone = create_backbone(settings)
    grid = replace(GridModel.open(golden_content.GOLDEN / "model.zarr"), spec=GridSpec(("blocks.1",), 2))
    with pytest.raises(InputError, match=r"vit_tiny_patch16_224 without its final norm \(blocks\.1\)"):
        opening._require_same_tokens(grid, backbone, Path("model"))
    normalised = replace(grid, features={"preprocessing": {"normalised": ["blocks.1"]}})
    opening._require_same_tokens(normalised, backbone, Path("model"))
