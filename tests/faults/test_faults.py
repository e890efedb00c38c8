"""The harness of faults works: a few kills, dead workers, errors and failing requests, all of which end well."""

import re
import subprocess
import sys

import pytest

from tests.documents import ROOT

FEW = {"kills": 2, "workers": 2, "errors": 12, "requests": 2}


@pytest.mark.skipif(sys.platform != "linux", reason="the harness forks runs and reads /proc, as on Linux")
def test_a_few_faults_end_well() -> None:
    numbers = [argument for name, count in FEW.items() for argument in (f"--{name}", str(count))]
    kinds = ["kills", "workers", "errors", "requests"]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "tests.faults", *kinds, *numbers],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    for kind in kinds:
        assert re.search(rf"^{kind}, \d+ s$", done.stdout, re.MULTILINE), kind
    assert "skipped" not in done.stdout
