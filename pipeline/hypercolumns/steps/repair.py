"""Restore a damaged store of the workspace to the bytes that it had."""

import logging
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.errors import InputError, counted
from hypercolumns.features import schema
from hypercolumns.parameters import Parameters
from hypercolumns.scratch.publishing import publish
from hypercolumns.scratch.work import locked
from hypercolumns.stores.layout import Layout
from hypercolumns.stores.manifest import FileRecord, Manifest
from hypercolumns.stores.metadata import ROOT, read_json
from hypercolumns.stores.reading import DamagedStoreError, StoredArray
from hypercolumns.stores.verification import Verification
from hypercolumns.workspace import SPLITS, Split, Workspace

logger = logging.getLogger(__name__)

_Records = Mapping[str, FileRecord]
_Repair = Callable[[Verification, _Records], None]


def repair_store(parameters: Parameters, workspace: Workspace, found: Verification) -> None:
    """Restore a store of the workspace.

    For a feature store, only parts of damaged shards pass the network again, and what is not what it was never
    replaces it. Stores of other kinds are written by running their step again.

    Parameters
    ----------
    found
        What `stores.verification.verify` found there.

    Raises
    ------
    InputError
        If the store is not one of the workspace, or the parameters or inputs now give another one.
    """
    repairs = _repairs(parameters, workspace)
    repair = repairs.get(found.path.resolve())
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
    from hypercolumns.steps import predict_task, propose_regions, train_task

    repairs: dict[Path, _Repair] = {}
    for split in SPLITS:
        repairs[workspace.features(split).resolve()] = partial(_repair_features, parameters, workspace, split)
        propose = partial(_rerun, "propose", partial(propose_regions, parameters, workspace))
        repairs[workspace.proposals(split).resolve()] = propose
    for task in parameters.tasks:
        train = partial(train_task, parameters, workspace, task)
        repairs[workspace.model(task).resolve()] = partial(_rerun, "train", train)
        predict = partial(predict_task, parameters, workspace, task)
        repairs[workspace.heat_maps(task).resolve()] = partial(_rerun, "predict", predict)
    return repairs


def _repair_features(
    parameters: Parameters, workspace: Workspace, split: Split, found: Verification, expected: _Records
) -> None:
    from hypercolumns.steps.extract import extract_features  # torch takes seconds to import

    path = workspace.features(split)
    folder = workspace.scratch / "repair"
    draft = folder / path.name  # the same name, so that the last store below `.scratch` is found
    with locked(workspace.scratch):
        try:
            extract_features(parameters, workspace, split, out=draft, confirm=partial(_require_same_store, found))
            if changed := _changed(draft, expected):
                raise InputError(_another(path, "extract", changed))
            publish(draft, path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _require_same_store(found: Verification, key: str, digests: NDArray[np.uint8]) -> None:
    """Refuse if the intact parts of a store show that another one would be extracted now."""
    recorded = read_json(found.path / ROOT)["attributes"].get("key") if ROOT in found.intact else None
    is_same = recorded == key if recorded is not None else _has_digests(found, digests)
    if not is_same:
        raise InputError(_another(found.path, "extract", []))


def _has_digests(found: Verification, digests: NDArray[np.uint8]) -> bool:
    """Whether the column of digests equals `digests`, or is damaged, so that it does not say anything."""
    column = StoredArray(
        found.path, f"regions/{schema.DIGEST}", len(digests), Layout.of((schema.DIGEST_BYTES,), np.uint8)
    )
    n_shards = column.layout.n_shards(len(digests))
    if not all(column.layout.file(column.name, shard) in found.intact for shard in range(n_shards)):
        return True
    try:
        return np.array_equal(column[:], digests)
    except DamagedStoreError:
        return False


def _rerun(step: str, run: Callable[[], object], found: Verification, expected: _Records) -> None:
    run()
    if changed := _changed(found.path, expected):
        raise InputError(
            f"{found.path} was written again and is sound, but it is another store than before: "
            f"{counted(len(changed), 'file')} that were intact or listed in its manifest differ, such as {changed[0]}. "
            f"Parameters, inputs or the code of the stage {step!r} have changed; `dvc repro` brings all up to date."
        )


def _expected(found: Verification) -> _Records:
    """Records of all files before the damage; only of the intact ones if the manifest is damaged."""
    try:
        return Manifest.read(found.path).files
    except (InputError, OSError):
        return found.intact


def _changed(path: Path, expected: _Records) -> list[str]:
    present = Manifest.read(path).files
    return sorted(name for name, record in expected.items() if present.get(name) != record)


def _another(path: Path, step: str, changed: list[str]) -> str:
    files = f" ({counted(len(changed), 'file')} would differ, such as {changed[0]})" if changed else ""
    return (
        f"{path} is not repaired: parameters, photographs, annotations, boxes or libraries have changed since it was "
        f"written, so that the stage {step!r} would now give another store{files}. Undo the change, or run "
        f"`dvc repro` to extract what they give now; intact blocks are taken over."
    )


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
