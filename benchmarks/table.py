"""The measured figures as a page of tables."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Figure, Section
from benchmarks.sizes import Sizes

HEAD = (
    "Written by `make bench`; `benchmarks/results.json` has the same numbers, and `python -m benchmarks.pages` writes "
    "the pages from it. Every figure is a ratio or has beside it what limits it, measured in the same run, in rounds "
    "that take turns; medians of {repeats}. `python -m benchmarks --help` lists the sizes, so that it runs large too, "
    "and how to measure one subject alone. What the figures mean for large data sets: [scaling.md](scaling.md)."
)


def write_page(path: Path, sections: Sequence[Section], sizes: Sizes) -> None:
    """The tables, goals missed first and with their reasons."""
    missed = [figure for section in sections for figure in section.figures if figure.missed]
    with_goals = sum(figure.goal is not None for section in sections for figure in section.figures)
    words = f"Goals met: {with_goals - len(missed)} of {with_goals}."
    if missed:
        words += " Missed:\n\n" + "\n".join(
            f"- {figure.name}: {number(figure)}, goal {figure.goal}" + (f"; {figure.reason}." if figure.reason else ".")
            for figure in missed
        )
    head = wrapped(HEAD.format(repeats=sizes.repeats))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(["# Benchmarks", head, words, *(_section(section) for section in sections)]) + "\n")


def wrapped(text: str, indent: str = "") -> str:
    """A paragraph in lines of the width that the documents have; lines but the first begin with `indent`."""
    return textwrap.fill(text, 140, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def number(figure: Figure) -> str:
    """The value to three digits, and its unit; ratios as `2.5 x`."""
    digits = f"{figure.value:.3g}" if abs(figure.value) < 1000 else f"{figure.value:.0f}"
    return f"{digits} {figure.unit}".strip()


def _section(section: Section) -> str:
    lines = [f"## {section.title}", "", wrapped(section.settings), ""]
    if section.figures:
        lines += ["| what | measured | beside | goal | |", "|---|---|---|---|---|"]
        lines += [f"| {f.name} | {number(f)} | {f.beside} | {f.goal or ''} | {_verdict(f)} |" for f in section.figures]
        lines.append("")
    lines += [wrapped(f"- Not measured: {sentence}", "  ") for sentence in section.missing]
    return "\n".join(lines).rstrip()


def _verdict(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    return "**missed**" if figure.missed else "met"
