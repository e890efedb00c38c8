"""Readers of files that the pipeline itself writes: stores of every kind, bundles, annotations, results and weights."""

import json
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hypercolumns.annotations import masks
from hypercolumns.annotations.info import read_info
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance, Part
from hypercolumns.annotations.result_fields import BOX, KEYPOINTS, PARTS, ResultField
from hypercolumns.annotations.results import Boxes, read_results
from hypercolumns.bundle.archive import as_folder, pack
from hypercolumns.bundle.manifest import NAME, SCHEMA, Manifest, Network, Ranking, Regions, grid_path
from hypercolumns.errors import InputError
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.parameters import Parameters
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.stores.manifest import FileRecord
from hypercolumns.stores.verification import verify
from hypercolumns.tasks.heat_maps import read_heat_maps
from tests.mutations.harness import Mutation, Reader, Reading, sampled
from tests.mutations.of_bytes import NO_CHECKSUM, byte_mutations
from tests.mutations.of_json import document_mutations, field_mutations
from tests.mutations.of_paths import path_mutations
from tests.mutations.of_stores import metadata_mutations, sealed, stored_files
from tests.mutations.of_zip import zip_mutations
from tests.stores.golden_content import GOLDEN
from tests.stores.small_stores import KINDS, make_store

_STORE = "store.zarr"


def _digest(values: Any) -> tuple[Any, ...]:
    found = np.ascontiguousarray(values)
    return found.shape, str(found.dtype), zlib.crc32(found.tobytes())


def _features(path: Path) -> object:
    store = FeatureStore.open(path)
    blocks = [_digest(store.read(layer, slice(0, min(len(store), 3)))) for layer in store.layers]
    return store.regions.to_csv(), _digest(store.expanded_boxes), blocks


def _proposals(path: Path) -> object:
    store = ProposalStore.open(path)
    images = [(i, store[i]) for i in store.image_ids]
    found = [(i, *map(_digest, (p.superpixels, p.members, p.boxes, p.scores))) for i, p in images]
    return found, _digest(store.ranker.knots), _digest(store.ranker.values)


def _model(path: Path) -> object:
    return GridModel.open(path).digest()


def _detector(path: Path) -> object:
    from hypercolumns.detection.detector import Detector  # imports torch

    origin = json.loads((GOLDEN / "detector.zarr/zarr.json").read_text())["attributes"]["features"]
    found = Detector.open(path, origin)
    return found.categories, _digest(found.classifiers.weights), _digest(found.classifiers.biases)


def _heat_maps(path: Path) -> object:
    return [(i, _digest(found.box), _digest(found.heat)) for i, found in read_heat_maps(path).items()]


_READ: dict[str, Callable[[Path], object]] = {
    "features": _features,
    "proposals": _proposals,
    "model": _model,
    "detector": _detector,
    "heat_maps": _heat_maps,
}


def _verified(path: Path) -> Reading:
    found = verify(path)
    return Reading(len(found.intact), [str(damage) for damage in found.damages])


def store_readers() -> list[Reader]:
    """Stores of every kind, each also checked by `verify`."""
    unread = "content that this reader does not use"
    in_file = [*path_mutations(), *byte_mutations(unread)]
    readers = []
    for kind in KINDS:
        root, names = _example(kind)
        files: dict[str, list[Mutation]] = {f"{_STORE}/{name}": sampled(in_file) for name in names}
        in_root = [*map(sealed, sampled(byte_mutations())), *metadata_mutations(root, kind)]
        files[f"{_STORE}/zarr.json"] = [*in_file, *in_root]
        for name in names[2:]:
            files[f"{_STORE}/{name}"] += map(sealed, sampled([*byte_mutations(), *path_mutations()[1:2]]))

        def write(folder: Path, kind: str = kind) -> None:
            make_store(kind, folder / _STORE)

        def read(folder: Path, kind: str = kind) -> Reading:
            return Reading(_READ[kind](folder / _STORE))

        words = kind.replace("_", " ")
        readers += [
            Reader(f"store of {words}", write, read, files, (_STORE,)),
            Reader(f"{words}, verified", write, lambda f: _verified(f / _STORE), files, (_STORE,), sampled=True),
        ]
    return readers


def _example(kind: str) -> tuple[dict[str, Any], list[str]]:
    """Root metadata and files of a store of a kind."""
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(kind, Path(folder) / _STORE)
        return json.loads((store / "zarr.json").read_text()), list(stored_files(store))


def _write_bundle(root: Path) -> None:
    """A bundle without detector, as a folder and as an archive."""
    folder = root / "bundle"
    make_store("model", grid_path(folder, "segmentation"))
    names = sorted(path for path in folder.rglob("*") if path.is_file())
    numbers = ((0.0, 1.0),)
    manifest = Manifest(
        schema=SCHEMA,
        tasks=("segmentation",),
        network=Network("efficientnet_lite0", "packaged", "0" * 64, 224, ("stage2", "pooled")),
        regions=Regions("warp", 1.2),
        categories=(Category(1, "car", ("nose",), (), ("roof",)),),
        detects=False,
        rescores=False,
        thresholds={"mask": 0.4},
        ranking=Ranking(("area",), numbers, numbers, 0.5),
        parameters=Parameters().model_dump(mode="json", include={"train", "backbone"}),
        metrics={"segmentation": {"ap": 0.5}},
        versions={"zarr": "3"},
        files={path.relative_to(folder).as_posix(): FileRecord.measure(path).sha256 for path in names},
    ).sealed()
    (folder / NAME).write_bytes(manifest.encode())
    pack(folder, root / "bundle.zip")


def _read_bundle(path: Path) -> Reading:
    with as_folder(path) as folder:
        manifest = Manifest.read(folder, path)
        for fault in manifest.faults(folder):
            raise InputError(f"{path} is damaged: {fault}.")
        Parameters.of(manifest.parameters, str(path))
        grids = [GridModel.open(grid_path(folder, task)).digest() for task in manifest.tasks]
    return Reading([manifest.encode(), grids])


def _manifest_content() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        _write_bundle(Path(folder))
        found: dict[str, Any] = json.loads((Path(folder) / "bundle" / NAME).read_text())
        return found


def bundle_readers() -> list[Reader]:
    """A bundle as a folder and as an archive."""
    unused = "the manifest does not name it"
    content = _manifest_content()
    in_archive = [*path_mutations(), *byte_mutations(NO_CHECKSUM), *zip_mutations(unused)]
    manifest = [
        *path_mutations(),
        *byte_mutations(),
        *document_mutations("network"),
        *field_mutations(content, [(key,) for key in content], lambda _field, _value: ""),
    ]
    return [
        Reader(
            "bundle",
            _write_bundle,
            lambda root: _read_bundle(root / "bundle"),
            {f"bundle/{NAME}": manifest, "bundle/grids/segmentation.zarr/zarr.json": sampled(path_mutations())},
            ("bundle",),
        ),
        Reader(
            "bundle, archive", _write_bundle, lambda root: _read_bundle(root / "bundle.zip"), {"bundle.zip": in_archive}
        ),
    ]


_CODE = masks.from_polygons([[1, 1, 9, 1, 9, 7, 1, 7]], 10, 12)
OWN = AnnotationSet(
    images=(Image(1, "first.jpg", 12, 10, masks.empty(10, 12)), Image(2, "second.jpg", 12, 10)),
    categories=(Category(1, "car", ("nose", "chin"), ((1, 2),), ("roof",)), Category(2, "person")),
    instances=(
        Instance(7, 1, 1, _CODE, (1, 1, 9, 7), 48, keypoints=(2, 2, 2, 3, 3, 1), parts=(Part("roof", _CODE),)),
        Instance(8, 2, 2, None, (0, 0, 5, 5), 25, crowd=True),
    ),
    image_root="photographs",
    description="for tests",
    counts={"empty_masks": 1},
)
"""Annotations with all that they can say."""


def _read_own(root: Path) -> Reading:
    found = AnnotationSet.load(root / "train.json")
    read_info(root / "train.json")
    content = found.images, found.categories, found.image_root, found.counts
    ids = [(i.id, i.image_id, i.category_id) for i in found.instances]
    instances = [(i.segmentation, i.box, i.area, i.ignore, i.keypoints, i.parts) for i in found.instances]
    sizes = [masks.decode(segmentation).sum() for segmentation, *_ in instances if segmentation]
    return Reading([content, ids, instances, sizes])


_ANSWERS: dict[str, tuple[ResultField, Boxes, dict[str, Any]]] = {
    "boxes": (BOX, "detections", {"bbox": [1, 1, 5, 5], "score": 0.5}),
    "keypoints": (KEYPOINTS, "detections", {"keypoints": [1, 1, 0.5, 2, 2, 0.25], "score": 0.5}),
    "parts": (PARTS, "instances", {"parts": [{"name": "roof", "segmentation": dict(_CODE)}], "instance_id": 7}),
}


def own_json_readers() -> list[Reader]:
    """Stored annotations, and results of every kind."""
    own = "the file has no checksum, and other content of it is as valid"
    with_defaults = json.loads(_saved())
    annotations = [
        *path_mutations(),
        *byte_mutations(NO_CHECKSUM),
        *document_mutations("image_id", empty=own),
        *field_mutations(
            with_defaults, [("info",), ("images", 0), ("categories", 0), ("annotations", 0)], lambda _f, _v: own
        ),
    ]
    readers = [
        Reader("stored annotations", lambda root: OWN.save(root / "train.json"), _read_own, {"train.json": annotations})
    ]
    for name, (field, boxes, answer) in _ANSWERS.items():
        entry = {"image_id": 1, "category_id": 1, **answer}

        def read(root: Path, field: ResultField = field, boxes: Boxes = boxes) -> Reading:
            found = read_results(root / "results.json", OWN, field, boxes)
            used = ("image_id", "category_id", "score", "instance_id", field.name)
            return Reading([[entry.get(key) for key in used] for entry in found])

        def write(root: Path, entry: dict[str, Any] = entry) -> None:
            (root / "results.json").write_text(json.dumps([entry]))

        mutations = [
            *path_mutations(),
            *byte_mutations(NO_CHECKSUM),
            *document_mutations("image_id", empty="a file may have no results"),
            *field_mutations([entry], [(0,)], lambda _f, _v: own),
        ]
        readers.append(Reader(f"results with {name}", write, read, {"results.json": mutations}))
    return readers


def _saved() -> str:
    with tempfile.TemporaryDirectory() as folder:
        OWN.save(Path(folder) / "train.json")
        return (Path(folder) / "train.json").read_text()


def _write_weights(suffix: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        import torch
        from safetensors.torch import save_file

        tensors = {"a.weight": torch.arange(12.0).reshape(3, 4), "a.bias": torch.ones(3, dtype=torch.float16)}
        path = root / f"weights.{suffix}"
        (save_file if suffix == "safetensors" else torch.save)(tensors, path)

    return write


def _read_weights(suffix: str) -> Callable[[Path], Reading]:
    def read(root: Path) -> Reading:
        from hypercolumns.backbones.weights import read_weights

        found = read_weights(root / f"weights.{suffix}")
        return Reading(sorted((name, _digest(tensor.numpy())) for name, tensor in found.items()))

    return read


def weights_readers() -> list[Reader]:
    """Weights of both kinds."""
    mutations = [*path_mutations(), *byte_mutations(NO_CHECKSUM)]
    return [
        Reader(f"weights, {suffix}", _write_weights(suffix), _read_weights(suffix), {f"weights.{suffix}": mutations})
        for suffix in ("safetensors", "pt")
    ]
