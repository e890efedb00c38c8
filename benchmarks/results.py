"""Figures as JSON: for programs, for measuring one subject again, and for writing the pages again."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.figures import Figure, Goal, Section
from benchmarks.sizes import Sizes


@dataclass(frozen=True)
class Results:
    """The sections measured, by subject; the sizes they were measured with; the number of cores of the machine."""

    sizes: Sizes
    cores: int
    sections: Mapping[str, Section]

    def write(self, path: Path) -> None:
        """Write JSON in which every figure also says whether it misses its goal."""
        sections = {name: _content(section) for name, section in self.sections.items()}
        content = {"sizes": asdict(self.sizes), "cores": self.cores, "sections": sections}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote."""
        content = json.loads(path.read_text())
        sections = {name: _section(entry) for name, entry in content["sections"].items()}
        return cls(Sizes(**content["sizes"]), content["cores"], sections)


def write_section(section: Section, path: Path) -> None:
    """Write one section by itself, as `Results.write` writes it."""
    path.write_text(json.dumps(_content(section), indent=1) + "\n")


def read_section(path: Path) -> Section:
    """Read what `write_section` wrote."""
    return _section(json.loads(path.read_text()))


def _content(section: Section) -> dict[str, Any]:
    content = asdict(section)
    for figure, entry in zip(section.figures, content["figures"], strict=True):
        entry["missed"] = figure.missed
    return content


def _section(entry: Mapping[str, Any]) -> Section:
    figures = tuple(_figure(figure) for figure in entry["figures"])
    return Section(entry["title"], entry["settings"], figures, tuple(entry["missing"]))


def _figure(entry: Mapping[str, Any]) -> Figure:
    goal = Goal(**entry["goal"]) if entry["goal"] else None
    return Figure(entry["name"], entry["value"], entry["unit"], entry["beside"], goal, entry["reason"])
