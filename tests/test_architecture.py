"""The packages import in one direction, along the way of the data, and Click stays in the command line."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pipeline/hypercolumns"
ORDER = [
    *("errors", "parameters", "workspace", "scratch", "stores", "cluster", "devices"),
    *("regions", "annotations", "puppets", "proposals", "backbones", "features", "grid", "detection", "tasks"),
    *("evaluation", "reporting", "definitions", "steps", "cli"),
]
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(file: Path) -> set[str]:
    """Modules that a file imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def own_packages(file: Path) -> set[str]:
    """First names below `hypercolumns` that a file imports."""
    return {name.split(".")[1] for name in imported(file) if name.startswith("hypercolumns.") and "__" not in name}


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_package_imports_only_those_before_it(file: Path) -> None:
    own = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own in ("__init__", "__main__"):
        return
    assert own_packages(file) <= set(ORDER[: ORDER.index(own) + 1])


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_the_library_knows_neither_the_stages_nor_dvc_and_click_only_in_its_command_line(file: Path) -> None:
    roots = {name.split(".")[0] for name in imported(file)}
    assert not roots & {"stages", "dvc", "tests", "benchmarks"}
    assert "click" not in roots or file.parent.name == "cli"


def test_the_order_lists_every_package() -> None:
    present = {p.name.removesuffix(".py") for p in PACKAGE.iterdir() if not p.name.startswith("_")}
    assert present - {"py.typed"} == set(ORDER)


def test_no_module_takes_part_in_a_circle() -> None:
    """Within a package, too."""
    names = {
        ".".join(f.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): f for f in MODULES
    }
    graph = {
        name: {i if i in names else i.rsplit(".", 1)[0] for i in imported(file)} & set(names) - {name}
        for name, file in names.items()
        if not name.endswith(("hypercolumns", "steps"))  # these import when asked for, by name
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
