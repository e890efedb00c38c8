"""One thin command per DVC stage, which reads the parameters and calls a step of the library.

Stages use the package of this checkout even when another one is installed, as in the temporary checkouts of
`dvc exp run --temp`. The environment passes this on to the workers that a stage starts.
"""

import os
import sys
from pathlib import Path

_SOURCE = str(Path(__file__).resolve().parents[1] / "pipeline")

sys.path.insert(0, _SOURCE)
os.environ["PYTHONPATH"] = os.pathsep.join([_SOURCE, *filter(None, [os.environ.get("PYTHONPATH")])])
