"""The page of tables: docs/benchmarks.md."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Figure, Section
from benchmarks.sizes import Sizes

INTRODUCTION = (
    "`make bench` writes this page, and `python -m benchmarks.pages` writes it again from `benchmarks/results.json`, "
    "which has the same numbers. Every figure is a ratio or stands beside its limit, measured in the same run, in "
    "interleaved rounds; figures are medians of {repeats}. `python -m benchmarks --help` lists the options for "
    "larger sizes and for measuring one subject alone. [scaling.md](scaling.md) says what the figures mean for "
    "large data sets."
)


def write_page(path: Path, sections: Sequence[Section], sizes: Sizes) -> None:
    """Write the page: the missed goals with their reasons, then a table per section."""
    missed = [figure for section in sections for figure in section.figures if figure.missed]
    with_goals = sum(figure.goal is not None for section in sections for figure in section.figures)
    verdict = f"Goals met: {with_goals - len(missed)} of {with_goals}."
    if missed:
        verdict += " Missed:\n\n" + "\n".join(_missed(figure) for figure in missed)
    introduction = wrap(INTRODUCTION.format(repeats=sizes.repeats))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "\n\n".join(["# Benchmarks", introduction, verdict, *(section_text(section) for section in sections)]) + "\n"
    )


def wrap(text: str, indent: str = "") -> str:
    """Break a paragraph into lines of 120 characters; all but the first begin with `indent`."""
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def format_value(figure: Figure) -> str:
    """Write the value to three digits with its unit; a ratio as `2.5 x`."""
    digits = f"{figure.value:.3g}" if abs(figure.value) < 1000 else f"{figure.value:.0f}"
    return f"{digits} {figure.unit}".strip()


def _missed(figure: Figure) -> str:
    reason = f" {figure.reason}" if figure.reason else ""
    return wrap(f"- {figure.name}: {format_value(figure)}, goal {figure.goal}.{reason}", "  ")


def section_text(section: Section) -> str:
    """Write a section: its title, its settings, the table of its figures, and what was not measured."""
    lines = [f"## {section.title}", "", wrap(section.settings), ""]
    if section.figures:
        lines += ["| what | measured | beside | goal | |", "|---|---|---|---|---|"]
        lines += [
            f"| {f.name} | {format_value(f)} | {f.beside} | {f.goal or ''} | {_verdict(f)} |" for f in section.figures
        ]
        lines.append("")
    lines += [wrap(f"- Not measured: {sentence}", "  ") for sentence in section.missing]
    return "\n".join(lines).rstrip()


def _verdict(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    return "**missed**" if figure.missed else "met"
