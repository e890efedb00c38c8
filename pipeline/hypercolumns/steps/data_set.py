"""The data set as a folder that `check` reads into and `prepare` takes over, so that nothing is read twice.

The folder lies below `.scratch` under a key of the parameters, the code and the files of the data set.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypercolumns.annotations import readers
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.usable import check_usable
from hypercolumns.errors import InputError
from hypercolumns.parameters import Parameters
from hypercolumns.scratch.work import key_folder, locked
from hypercolumns.workspace import SPLITS, Split, Workspace


def read_data_set(parameters: Parameters, workspace: Workspace) -> Path:
    """Read or draw the data set, unless that was done for the same parameters, code and files.

    Returns
    -------
    Folder with `train.json`, `val.json` and `images`, the photographs of the built-in data set.

    Raises
    ------
    InputError
        If the data set cannot be read, or no step could use it: see `read_splits` and `check_usable`.
    """
    folder = key_folder(_key(parameters), workspace.scratch / "data-set")
    with locked(workspace.scratch):
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
                part = Path(unfinished) / "part"
                (part / "images").mkdir(parents=True)
                sets = read_annotations(parameters, workspace, part / "images")
                for split, annotations in sets.items():
                    annotations.save(part / f"{split}.json")
                part.replace(folder)
            for other in folder.parent.iterdir():
                if other != folder:
                    shutil.rmtree(other, ignore_errors=True)
    return folder


def read_annotations(
    parameters: Parameters, workspace: Workspace, images: Path, *, decode: bool = True
) -> dict[Split, AnnotationSet]:
    """Read or draw both splits and check that they can be used.

    Parameters
    ----------
    parameters
        `dataset`, `tasks` and `seed` are used.
    workspace
        Where the photographs of the built-in data set will lie in the end.
    images
        Where they are drawn.
    decode
        Whether to decode every photograph of other data sets.
    """
    dataset = parameters.dataset
    if dataset.format == "puppets":
        from hypercolumns.puppets import generate  # loads OpenCV and photographs that only drawing needs

        drawn = {split: generate(dataset, split, parameters.seed, images) for split in SPLITS}
        sets = {split: replace(s, image_root=workspace.images.as_posix()) for split, s in drawn.items()}
    else:
        sets = readers.read_splits(dataset, parameters.tasks, decode=decode)
    sets = {split: readers.rename(annotations, dataset) for split, annotations in sets.items()}
    check_usable(sets["train"], sets["val"], dataset)
    return sets


def _key(parameters: Parameters) -> dict[str, Any]:
    """Everything that the folder depends on; files by size and time of change, since reading them all is slow."""
    dataset = parameters.dataset
    key: dict[str, Any] = {"dataset": dataset.model_dump(), "tasks": parameters.tasks}
    if dataset.format == "puppets":
        return key | {"seed": parameters.seed}
    return key | {"files": sorted(_files(dataset.folder))}


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Path, size and time of change in nanoseconds of all files below a folder; links that lead in a circle end."""
    seen: set[tuple[int, int]] = set()
    folders = [folder]
    try:
        while folders:
            state = folders[-1].stat()
            is_new = (state.st_dev, state.st_ino) not in seen
            seen.add((state.st_dev, state.st_ino))
            for entry in sorted(os.scandir(folders.pop()), key=lambda entry: entry.name) if is_new else ():
                if entry.is_dir():
                    folders.append(Path(entry.path))
                elif entry.is_file():
                    state = entry.stat()
                    yield entry.path, state.st_size, state.st_mtime_ns
    except OSError as error:
        raise InputError(f"dataset.root: {error.filename or folder} cannot be read: {error.strerror}.") from None
