"""Restore a damaged store of the workspace to the bytes that it had."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.errors import InputError, counted
from hypercolumns.features import schema
from hypercolumns.parameters import Parameters
from hypercolumns.scratch.publishing import publish
from hypercolumns.scratch.work import locked
from hypercolumns.stores.arrays import DamagedStoreError, StoredArray
from hypercolumns.stores.layout import ROOT, Layout
from hypercolumns.stores.manifest import NAME as MANIFEST
from hypercolumns.stores.manifest import DamagedManifestError, FileRecord, Manifest
from hypercolumns.stores.references import REFERENCE, is_reference, place_of
from hypercolumns.stores.verification import Verification
from hypercolumns.workspace import SPLITS, Split, Workspace

_Records = Mapping[str, FileRecord]
_Repair = Callable[[Verification, _Records], None]


def repair_store(parameters: Parameters, workspace: Workspace, found: Verification) -> None:
    """Restore a store of the workspace.

    The store is replaced only by one whose bytes equal those that it had, as far as they are known. For a feature
    store, only parts of damaged shards pass the network again; stores of other kinds are made by running their step in
    a folder below `.scratch`. So is a store in an object store, by this process and its local workers; its damaged
    files are then written again there, so that everything that refers to it finds it sound.

    Parameters
    ----------
    found
        Result of `stores.verification.verify` for the store.

    Raises
    ------
    InputError
        If the store is not one of the workspace, or the parameters or inputs now give another one.
    """
    if is_reference(found.path):
        _require_own_place(found.path)
        here = parameters.compute.model_copy(update={"storage": None, "scheduler": None})
        parameters = parameters.model_copy(update={"compute": here})
    repairs = _repairs(parameters, workspace)
    repair = repairs.get(found.path.resolve())
    if repair is None and workspace.bundle.resolve() in found.path.resolve().parents:
        raise InputError(
            f"{found.path} is not repaired: it is part of a trained model; delete {workspace.bundle} and run "
            "`dvc repro bundle`."
        )
    if repair is None:
        places = ", ".join(str(_shown(path)) for path in repairs)
        raise InputError(
            f"{found.path} cannot be repaired: it is not a store that this folder's pipeline writes ({places}). Run "
            "the command in the folder of its `params.yaml`, or copy the store again from where it came."
        )
    repair(found, _expected(found))


def _repairs(parameters: Parameters, workspace: Workspace) -> dict[Path, _Repair]:
    """How each store of the workspace is repaired, by its path."""
    # Imported here since each needs other libraries, some of which take seconds or may be missing.
    from hypercolumns.steps import predict_task, propose_regions, train_detector, train_rescorer, train_task

    repairs: dict[Path, _Repair] = {}

    def add(path: Path, step: str, run: Callable[[Workspace], object]) -> None:
        repairs[path.resolve()] = partial(_repair_by_step, workspace, step, run)

    for split in SPLITS:
        repairs[workspace.features(split).resolve()] = partial(_repair_features, parameters, workspace, split)
        add(workspace.proposals(split), "propose", partial(propose_regions, parameters))
    add(workspace.detector, "detector", partial(train_detector, parameters))
    add(workspace.rescorer, "rescorer", partial(train_rescorer, parameters))
    for task in parameters.tasks:
        add(workspace.model(task), "train", partial(train_task, parameters, task=task))
        add(workspace.heat_maps(task), "predict", partial(predict_task, parameters, task=task))
    return repairs


def _repair_features(
    parameters: Parameters, workspace: Workspace, split: Split, found: Verification, expected: _Records
) -> None:
    from hypercolumns.steps.extract import extract_features  # torch takes seconds to import

    path = workspace.features(split)
    with _draft_folder(workspace) as folder:
        draft = folder / path.name  # the same name, so that the last store below `.scratch` is found
        if is_reference(path):  # not kept below `.scratch`: the store may be larger than this disk has room for twice
            workspace = replace(workspace, scratch=folder / "scratch")
        extract_features(parameters, workspace, split, out=draft, confirm=partial(_require_same_store, found))
        _publish_equal(draft, found, "extract", expected)


def _repair_by_step(
    workspace: Workspace, step: str, run: Callable[[Workspace], object], found: Verification, expected: _Records
) -> None:
    """Run a step in a folder that shares all data but what the step writes, and take the store from there."""
    place = found.path.resolve().relative_to(workspace.data.resolve())
    with _draft_folder(workspace) as folder:
        data = folder / "data"
        data.mkdir(parents=True)
        for entry in workspace.data.resolve().iterdir():
            if entry.name != place.parts[0]:
                (data / entry.name).symlink_to(entry)
        run(replace(workspace, data=data, metrics=folder / "metrics"))
        _publish_equal(data / place, found, step, expected)


@contextmanager
def _draft_folder(workspace: Workspace) -> Iterator[Path]:
    folder = workspace.scratch / "repair"
    with locked(workspace.scratch):
        shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _publish_equal(draft: Path, found: Verification, step: str, expected: _Records) -> None:
    """Replace a store, or its damaged files in an object store, if what is known of it equals the draft."""
    present = Manifest.read(draft).files
    if changed := sorted(name for name, record in expected.items() if present.get(name) != record):
        raise InputError(_another(found.path, step, changed))
    if not is_reference(found.path):
        publish(draft, found.path)
        return
    place = place_of(found.path)
    for name in [*sorted(expected.keys() - found.intact.keys()), MANIFEST]:  # last, as in a new store
        place.write(name, (draft / name).read_bytes())


def _require_own_place(path: Path) -> None:
    """Refuse a reference to another store, to which other projects may refer too: its address was changed."""
    place = place_of(path)
    try:
        there = Manifest.parse(place.read(MANIFEST), f"{place}/{MANIFEST}")
    except (OSError, DamagedManifestError):
        return
    if there != Manifest.read(path):
        raise InputError(
            f"{path} is not repaired: {place.address} holds another store than its {MANIFEST} describes. Restore the "
            f"{REFERENCE} beside it with `dvc checkout`, or run `dvc repro`."
        )


def _require_same_store(found: Verification, key: str, digests: NDArray[np.uint8]) -> None:
    """Refuse if the intact parts of a store show that another one would be extracted now."""
    recorded = json.loads(place_of(found.path).read(ROOT))["attributes"].get("key") if ROOT in found.intact else None
    is_same = recorded == key if recorded is not None else _has_digests(found, digests)
    if not is_same:
        raise InputError(_another(found.path, "extract", []))


def _has_digests(found: Verification, digests: NDArray[np.uint8]) -> bool:
    """Whether the column of digests equals `digests`, or is damaged, so that it does not say anything."""
    column = StoredArray(
        place_of(found.path), f"regions/{schema.DIGEST}", len(digests), Layout.of((schema.DIGEST_BYTES,), np.uint8)
    )
    n_shards = column.layout.n_shards(len(digests))
    if not all(column.layout.file(column.name, shard) in found.intact for shard in range(n_shards)):
        return True
    try:
        return np.array_equal(column[:], digests)
    except DamagedStoreError:
        return False


def _expected(found: Verification) -> _Records:
    """Records of all files before the damage; only of the intact ones if the manifest is damaged."""
    try:
        return Manifest.read(found.path).files
    except (InputError, OSError):
        return found.intact


def _another(path: Path, step: str, changed: list[str]) -> str:
    files = f" ({counted(len(changed), 'file')} would differ, such as {changed[0]})" if changed else ""
    return (
        f"{path} is not repaired: parameters, inputs, code or libraries have changed since it was written, so that the "
        f"stage {step!r} would now give another store{files}. Undo the change, or run `dvc repro` for what they give "
        "now; it takes over what is intact and the same."
    )


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
