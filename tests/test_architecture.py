"""The packages of `pipeline` import in one direction, along the way of the data."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = [
    *("errors", "parameters", "scratch", "stores", "workers", "preload", "cluster", "devices"),
    *("regions", "annotations", "proposals", "backbones", "features", "grid", "detection", "tasks"),
    *("evaluation", "reporting"),
]
PUBLIC = {"__init__"}


def imported_packages(file: Path) -> set[str]:
    """First names below `pipeline` that a file imports, at its top or inside functions; `stages` as it is."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "pipeline" and len(parts) > 1:
                found.add(parts[1])
            if parts[0] == "stages":
                found.add("stages")
    return found


@pytest.mark.parametrize("file", sorted((ROOT / "pipeline").rglob("*.py")), ids=lambda f: str(f.relative_to(ROOT)))
def test_a_package_imports_only_those_before_it(file: Path) -> None:
    own = file.relative_to(ROOT / "pipeline").parts[0].removesuffix(".py")
    if own in PUBLIC:
        return
    allowed = set(ORDER[: ORDER.index(own) + 1])
    assert imported_packages(file) <= allowed


def test_the_order_lists_every_package() -> None:
    present = {p.name.removesuffix(".py") for p in (ROOT / "pipeline").iterdir() if not p.name.startswith("_")}
    assert present == set(ORDER)
