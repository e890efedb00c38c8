"""Long work that survives a crash: written below `.scratch/<key>/`, moved into place when it is complete."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO


def digest(path: Path) -> str:
    """SHA-256 of a file, or of the relative names and contents of all files in a folder."""
    total = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        total.update(str(file.relative_to(path)).encode() + b"\0")
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def key_digest(key: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON-like mapping; does not depend on the order of its entries.

    Examples
    --------
    >>> key_digest({"grid": 5, "seed": 0}) == key_digest({"seed": 0, "grid": 5})
    True
    """
    return hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()


def key_folder(key: Mapping[str, Any], root: Path) -> Path:
    """Return the path of the folder for `key`, which may not exist.

    The path also depends on the package's source, so that no result mixes the work of two versions of the code.

    Parameters
    ----------
    key
        Everything that the result depends on: parameters and digests of inputs.
    root
        Folder of all such folders.
    """
    return root / key_digest({"work": key, "code": _code_digest()})


def work_folder(key: Mapping[str, Any], root: Path) -> Path:
    """Return the folder of `key_folder`, created if it does not exist."""
    path = key_folder(key, root)
    path.mkdir(parents=True, exist_ok=True)
    return path


@lru_cache(maxsize=1)
def _code_digest() -> str:
    package = Path(__file__).parent
    return key_digest({file.relative_to(package).as_posix(): digest(file) for file in package.rglob("*.py")})


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that appears at `path` complete or not at all, even after a power failure."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def publish(work: Path, out: Path) -> None:
    """Move the finished file or folder `work` to `out`, replacing what is there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.is_dir():
        shutil.rmtree(out)
    work.replace(out)
