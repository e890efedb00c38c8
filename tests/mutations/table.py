"""The outcomes of variants as text: a table of counts, and what was not as it should be."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from tests.mutations.harness import GOOD, Outcome, Result

_WIDTH = 32


def table(results: Sequence[Result]) -> str:
    """Number of variants by reader and outcome."""
    counts: dict[str, Counter[Outcome]] = defaultdict(Counter)
    for result in results:
        counts[result.reader][result.outcome] += 1
    total = sum(counts.values(), Counter())
    head = "".join(f"{outcome:>10}" for outcome in Outcome)
    lines = [f"{'reader':<{_WIDTH}}{head}{'all':>10}"]
    for reader, found in [*counts.items(), ("all", total)]:
        numbers = "".join(f"{found[outcome]:>10}" for outcome in Outcome)
        lines.append(f"{reader:<{_WIDTH}}{numbers}{found.total():>10}")
    return "\n".join(lines)


def complaints(results: Sequence[Result]) -> str:
    """What was not refused, left out, equal or legitimate, with start and end of the details; empty if all was."""
    bad = [result for result in results if result.outcome not in GOOD]
    return "\n".join(f"{result.outcome}: {result.variant}\n    {_shortened(result.detail)}" for result in bad)


def _shortened(detail: str) -> str:
    return detail if len(detail) <= 500 else f"{detail[:150]} [...] {detail[-350:]}"
