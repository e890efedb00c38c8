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
    """SHA-256 of a file, or of all files of a folder with their relative names."""
    whole = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        whole.update(str(file.relative_to(path)).encode() + b"\0")
        with file.open("rb") as stream:
            whole.update(hashlib.file_digest(stream, "sha256").digest())
    return whole.hexdigest()


def digest_of_key(key: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON-like key, whatever the order of its entries."""
    return hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()


def work_folder(key: Mapping[str, Any], root: Path) -> Path:
    """The work folder below `root` that belongs to `key` (parameters, digests of inputs) and the code, made if missing.

    Work of other code never goes on: half of it would be made by each.
    """
    path = root / digest_of_key({"work": key, "code": _code()})
    path.mkdir(parents=True, exist_ok=True)
    return path


@lru_cache(maxsize=1)
def _code() -> str:
    """Digest of this package's source."""
    package = Path(__file__).parent
    names = sorted(file.relative_to(package).as_posix() for file in package.rglob("*.py"))
    return digest_of_key({name: digest(package / name) for name in names})


@contextmanager
def committed(path: Path) -> Iterator[BinaryIO]:
    """A file to write that appears at `path` whole or not at all, even if the power fails."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def publish(work: Path, out: Path) -> None:
    """Move the finished `work` (file or folder) to `out`, replacing what is there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.is_dir():
        shutil.rmtree(out)
    work.replace(out)
