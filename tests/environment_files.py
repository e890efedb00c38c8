"""Environment files below `deploy`: lines NAME=VALUE."""

from collections.abc import Mapping
from pathlib import Path
from string import Template


def read_environment(path: Path, values: Mapping[str, str] | None = None) -> dict[str, str]:
    """Read the variables of a file, with `values` in the places of $NAME."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: Template(value).substitute(values or {}) for name, value in pairs}
