"""Cause faults and count what becomes of them: `python -m tests.faults [KIND...]`.

Kinds: damage (to stored files), kills (of process groups), pairs (of runs at once), publishing (across file systems and
onto full ones), workers (that die, or their scheduler), errors (of calls that change files) and requests (to an object
store, that fail); all of them by default. Every stage first runs undisturbed on a tiny data set, in a temporary folder;
what follows a fault must end with the same bytes. The exit code is 1 if anything does not.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from tests.faults.preloading import load

KINDS = ("damage", "kills", "pairs", "publishing", "workers", "errors", "requests")


def main() -> int:
    """Cause the kinds of faults that the command line names, and print a table for each.

    Returns
    -------
    The exit code: 1 if anything did not end well.
    """
    options = _options()
    load()  # before anything else: runs are forks of this process

    from tests.faults.errors import inject
    from tests.faults.kills import kill
    from tests.faults.outcomes import complaints, table
    from tests.faults.pairs import start_pairs
    from tests.faults.project import Project
    from tests.faults.published import damage_published, has_verify
    from tests.faults.publishing import publish
    from tests.faults.requests import refuse_requests
    from tests.faults.scratch_files import damage_scratch
    from tests.faults.workers import kill_workers

    skipped: list[str] = []
    bad = False
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        tempfile.tempdir = os.environ["TMPDIR"] = folder  # what killed runs leave there goes with it
        start = time.monotonic()
        project = Project(Path(folder))
        print(f"undisturbed runs of all stages: {time.monotonic() - start:.0f} s", flush=True)
        if "damage" in options.kinds and not has_verify(project):
            skipped.append("finding damage with `hypercolumns verify`, and mending: there is no such command")
        in_scratch = options.flips // 3
        groups: dict[str, Callable[[np.random.Generator], Iterator]] = {  # type: ignore[type-arg]
            "damage": lambda rng: chain(
                damage_published(project, options.flips - in_scratch, rng), damage_scratch(project, in_scratch, rng)
            ),
            "kills": lambda rng: kill(project, options.kills, rng),
            "pairs": lambda rng: start_pairs(project, options.pairs, rng),
            "publishing": lambda _rng: publish(project, skipped),
            "workers": lambda rng: kill_workers(project, options.workers, rng),
            "errors": lambda rng: inject(project, options.errors, rng),
            "requests": lambda rng: refuse_requests(project, options.requests, rng),
        }
        for number, kind in enumerate(KINDS):
            if kind not in options.kinds:
                continue
            start = time.monotonic()
            results = list(groups[kind](np.random.default_rng([options.seed, number])))
            print(f"\n{kind}, {time.monotonic() - start:.0f} s\n{table(results)}", flush=True)
            if text := complaints(results):
                bad = True
                print(text, flush=True)
    for line in skipped:
        print(f"skipped: {line}")
    return int(bad)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--flips", type=int, default=300, help="damaged files (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=60, help="kills (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=12, help="pairs of runs (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=41, help="dead workers or schedulers (default: %(default)s)")
    parser.add_argument("--errors", type=int, default=900, help="calls that fail (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=100, help="requests that fail (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(KINDS)}")
    options.kinds = options.kinds or list(KINDS)
    return options


if __name__ == "__main__":
    sys.exit(main())
