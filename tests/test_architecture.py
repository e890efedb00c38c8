"""Packages import in one direction, along the flow of data, and only the command line uses Click."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pipeline/hypercolumns"
ORDER = [
    *(
        "process",
        "lazy",
        "errors",
        "input_files",
        "places",
        "trouble",
        "parameters",
        "packages",
        "workspace",
        "scratch",
        "stores",
        "devices",
        "cluster",
        "memory",
    ),
    *("regions", "annotations", "drawing", "puppets", "proposals", "backbones", "features", "grid"),
    *("exploring", "detection", "tasks", "results", "evaluation", "reporting", "definitions", "bundle", "segmenter"),
    *("demo", "export", "steps", "cli"),
]
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(file: Path) -> set[str]:
    """Modules that a file imports, at the top or inside functions."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def imported_packages(file: Path) -> set[str]:
    """Packages and modules directly below `hypercolumns` that a file imports from."""
    return {name.split(".")[1] for name in imported(file) if name.startswith("hypercolumns.") and "__" not in name}


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_package_imports_only_itself_and_earlier_ones(file: Path) -> None:
    package = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if package not in ("__init__", "__main__"):
        assert imported_packages(file) <= set(ORDER[: ORDER.index(package) + 1])


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_the_library_does_not_import_stages_or_dvc_and_only_its_command_line_imports_click(file: Path) -> None:
    roots = {name.split(".")[0] for name in imported(file)}
    assert not roots & {"stages", "dvc", "tests", "benchmarks"}
    assert "click" not in roots or file.parent.name == "cli"


def test_the_order_lists_every_package() -> None:
    present = {p.name.removesuffix(".py") for p in PACKAGE.iterdir() if not p.name.startswith("_")}
    assert present - {"py.typed"} == set(ORDER)


def test_the_document_has_the_order() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    (listed,) = re.findall(r"before it in this list, never back:\n(.*?)\. Tests hold this", page, re.DOTALL)
    assert re.findall(r"\w+", listed) == ORDER


def test_imports_have_no_cycles() -> None:
    """Not even between modules of one package."""
    names = {
        ".".join(f.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): f for f in MODULES
    }
    graph = {
        name: {i if i in names else i.rsplit(".", 1)[0] for i in imported(file)} & set(names) - {name}
        for name, file in names.items()
        if not name.endswith(("hypercolumns", "steps"))  # these import lazily, by name
    }
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())
