"""Import: how long a new Python process takes for `import hypercolumns`, beside one that does nothing."""

import subprocess
import sys
from functools import partial

import numpy as np

from benchmarks.figures import Figure, Goal, Section
from benchmarks.measuring import interleaved
from benchmarks.sizes import Sizes

PROGRAMS = {"import": "import hypercolumns", "nothing": "pass"}
"""Code that each process runs, by name."""


def figures(sizes: Sizes) -> Section:
    """Measure the seconds of both processes, from start to end."""
    times = interleaved({name: partial(_run, program) for name, program in PROGRAMS.items()}, sizes.repeats)
    median = {name: float(np.median(values)) for name, values in times.items()}
    return Section(
        "Import",
        "Seconds from the start to the end of a new Python process, files in the page cache. `import hypercolumns` "
        "loads neither torch nor Zarr; the names of the package are imported when they are first used.",
        (
            Figure(
                "import hypercolumns",
                median["import"],
                "s",
                f"python -c pass {median['nothing']:.3f} s",
                Goal("at most", 0.3),
            ),
        ),
    )


def _run(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - this interpreter
