"""The stores in object stores that a project refers to, in its folders and in DVC's cache of their older versions."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from hypercolumns.errors import InputError
from hypercolumns.input_files import is_file, is_folder, read_bytes, read_json
from hypercolumns.stores.layout import ROOT
from hypercolumns.stores.references import LARGEST_REFERENCE, REFERENCE, parse_reference, place_of
from hypercolumns.workspace import SPLITS, Workspace

_LARGEST_LOCK = 64 * 2**20
"""Bytes of the largest lock file of DVC that is read."""

_SECONDS = 60
"""Limit for asking DVC, which takes half a second."""


def referenced_addresses(project: Path, *, cached: bool) -> set[str]:
    """Find the addresses of all stores that a project refers to.

    Parameters
    ----------
    project
        Its folder. All folders below are searched, also those of temporary experiments in `.dvc/tmp`.
    cached
        Whether to add the references in DVC's cache: those of other commits and experiments.

    Raises
    ------
    InputError
        If the project's stores cannot be determined: it is not a folder, a folder cannot be read, a reference is
        damaged or lacks its address, DVC does not say where its cache is, or `dvc.lock` names a store that is not here.
    """
    if not is_folder(project):
        raise InputError(f"{project} is not a folder; --project names the folder of a project.")
    found = {place_of(file.parent).address for file in _files(project) if file.name == REFERENCE}
    cache = _cache(project) if cached else None
    if cache is not None and cache.is_dir():
        found |= set(filter(None, map(_cached_reference, _files(cache))))
    _require_present(project, cache)
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder; links to folders are followed, each folder once."""
    visited = set()

    def refuse(error: OSError) -> None:
        raise InputError(
            f"{error.filename} cannot be read: {error.strerror}. It may hold references to stores, so that nothing can "
            "be deleted."
        )

    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        if (real := os.path.realpath(parent)) in visited:
            folders.clear()
            continue
        visited.add(real)
        yield from (Path(parent, name) for name in names)


def _cached_reference(file: Path) -> str | None:
    try:
        return parse_reference(read_bytes(file)) if file.stat().st_size <= LARGEST_REFERENCE else None
    except FileNotFoundError:  # a link to nothing, or another program has just deleted it
        return None
    except OSError as error:
        raise InputError(f"{file} in DVC's cache cannot be read: {error.strerror}.") from None


def _cache(project: Path) -> Path | None:
    """Find DVC's cache, which any of its configuration files may move; None for a folder without DVC."""
    if not any((folder / ".dvc").is_dir() for folder in (project.absolute(), *project.absolute().parents)):
        return None
    command = [sys.executable, "-m", "dvc", "cache", "dir"]
    try:
        asked = subprocess.run(  # noqa: S603
            command, cwd=project, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"DVC does not say where the cache of {project} is: {error}.") from None
    if asked.returncode:
        reason = (asked.stderr.strip() or "no reason is given").splitlines()[-1]
        raise InputError(f"`dvc cache dir` in {project} does not say where the cache is: {reason}.")
    return project / asked.stdout.strip()


def _require_present(project: Path, cache: Path | None) -> None:
    """Refuse a project whose lock file names stores that are not here, since what they refer to is unknown.

    Raises
    ------
    InputError
        Naming the first one.
    """
    stores = {made(split).as_posix() for made in (Workspace().features, Workspace().proposals) for split in SPLITS}
    for name in sorted(stores):
        store = project / name
        if is_folder(store) and not any(is_file(store / file) for file in (REFERENCE, ROOT)):
            raise InputError(
                f"{store} has neither {REFERENCE} nor {ROOT}, so that the stores of the project are not known. Restore "
                "it with `dvc checkout`, or delete it."
            )
    for output in _outputs(project / "dvc.lock"):
        name, md5 = str(output.get("path")), str(output.get("md5"))
        if name in stores and not (project / name).exists() and not (cache and _is_cached(cache, md5)):
            raise InputError(
                f"dvc.lock in {project} names {name}, which is neither there nor in DVC's cache, so that the stores of "
                "the project are not known. Run `dvc pull`, or `dvc repro`, first."
            )


def _is_cached(cache: Path, md5: str) -> bool:
    """Whether DVC's cache has a folder, and what it refers to if it is a reference."""
    try:
        listed = read_json(_in_cache(cache, md5))
        references = [str(entry["md5"]) for entry in listed if entry["relpath"] == REFERENCE]
    except (OSError, ValueError, TypeError, KeyError):
        return False
    return all(is_file(_in_cache(cache, reference)) for reference in references)


def _in_cache(cache: Path, md5: str) -> Path:
    return cache / "files/md5" / md5[:2] / md5[2:]


def _outputs(lock: Path) -> Iterator[dict[str, Any]]:
    try:
        content = yaml.load(read_bytes(lock, _LARGEST_LOCK), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
        for stage in content["stages"].values():
            yield from stage.get("outs", ())
    except FileNotFoundError:
        return
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{lock} cannot be read: {error}.") from None
