"""What became of a case, and the counts of cases as text."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

_WIDTH = 44


class Outcome(StrEnum):
    """What became of a case."""

    NAMED = "named"
    """One paragraph names the store and the file or array; `verify` finds the damage, and `--repair` mends it."""
    VERIFIED = "verified"
    """What is read is unchanged, and `verify` finds the damage and mends it."""
    RECOMPUTED = "recomputed"
    """The stage ends with the bytes of an undisturbed run."""
    EQUAL = "equal"
    """After the fault, the bytes are those of an undisturbed run."""
    SILENT = "SILENT"
    """Wrong values or bytes without a word."""
    UNCLEAR = "UNCLEAR"
    """An error that does not name what is wrong."""
    TRACEBACK = "TRACEBACK"
    """An exception that is not reported as one paragraph."""
    HANG = "HANG"
    """The run did not end in time and was killed."""
    MISSED = "MISSED"
    """`verify` does not list the damage."""
    NOT_MENDED = "NOT MENDED"
    """After `verify --repair`, or after what the message advises, bytes differ from those of an undisturbed run."""
    DIFFERS = "DIFFERS"
    """After the fault, bytes differ from those of an undisturbed run."""
    FAILED = "FAILED"
    """The run after the fault ends with an error."""
    TWICE = "TWICE"
    """Something that was finished was computed again."""
    LOST = "LOST"
    """The old result is gone although there is no new one."""


GOOD = {Outcome.NAMED, Outcome.VERIFIED, Outcome.RECOMPUTED, Outcome.EQUAL}
"""Outcomes that end well; the others are printed in full."""


@dataclass(frozen=True)
class Result:
    """The outcome of a case."""

    kind: str
    """Kind of file or stage."""
    outcome: Outcome
    detail: str = ""
    """The case, and the message or the difference."""
    counts: dict[str, int] = field(default_factory=dict)
    """Further numbers, which are added up by kind."""


def table(results: Sequence[Result]) -> str:
    """Lay out the number of cases by kind and outcome, and the sums of their further numbers."""
    outcomes = [o for o in Outcome if any(result.outcome == o for result in results)]
    names = list(dict.fromkeys(name for result in results for name in result.counts))
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        for kind in (result.kind, "all"):
            counts[kind].update({result.outcome: 1, "cases": 1, **{f" {n}": c for n, c in result.counts.items()}})
    columns = ["cases", *outcomes, *(f" {name}" for name in names)]
    widths = [max(11, len(name) + 2) for name in columns]
    lines = ["kind".ljust(_WIDTH) + "".join(name.strip().rjust(w) for name, w in zip(columns, widths, strict=True))]
    for kind in [*sorted(set(counts) - {"all"}), "all"]:
        numbers = "".join(str(counts[kind][name]).rjust(w) for name, w in zip(columns, widths, strict=True))
        lines.append(kind.ljust(_WIDTH) + numbers)
    return "\n".join(lines)


def complaints(results: Sequence[Result]) -> str:
    """List what did not end well, with start and end of the details; empty if all did."""
    bad = [result for result in results if result.outcome not in GOOD]
    return "\n".join(f"{result.outcome}: {result.kind}: {_shortened(result.detail)}" for result in bad)


def _shortened(detail: str) -> str:
    detail = detail.strip().replace("\n", "\n    ")
    return detail if len(detail) <= 1200 else f"{detail[:400]} [...] {detail[-800:]}"
