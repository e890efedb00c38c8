"""Long work that survives a crash: written below `.scratch/<key>/`, moved into place when it is complete."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(".scratch")


def digest(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder with their relative names."""
    whole = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        whole.update(str(file.relative_to(path)).encode() + b"\0")
        with file.open("rb") as stream:
            whole.update(hashlib.file_digest(stream, "sha256").digest())
    return whole.hexdigest()


def folder(key: Mapping[str, Any], root: Path = ROOT) -> Path:
    """The work folder that belongs to `key` (JSON-like: parameters, digests of inputs), made if missing."""
    text = json.dumps(key, sort_keys=True, default=str)
    path = root / hashlib.sha256(text.encode()).hexdigest()
    path.mkdir(parents=True, exist_ok=True)
    return path


def publish(work: Path, out: Path) -> None:
    """Move the finished `work` (file or folder) to `out`, replacing what is there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.is_dir():
        shutil.rmtree(out)
    work.replace(out)
