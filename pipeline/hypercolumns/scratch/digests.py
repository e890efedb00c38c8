"""SHA-256 of files, of folders, of JSON-like keys, and of the package's own code."""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any


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


@lru_cache(maxsize=1)
def code_digest() -> str:
    """SHA-256 of the package's source, so that nothing that is kept mixes the work of two versions of the code."""
    package = Path(__file__).parents[1]
    return key_digest({file.relative_to(package).as_posix(): digest(file) for file in package.rglob("*.py")})
