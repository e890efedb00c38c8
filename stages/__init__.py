"""One thin command per DVC stage: it reads the parameters and calls the step of the library.

The package is that of this checkout, also where another one is installed, as in the temporary checkouts of
`dvc exp run --temp`; the workers that a stage starts inherit that from the environment.
"""

import os
import sys
from pathlib import Path

_SOURCE = str(Path(__file__).resolve().parents[1] / "pipeline")

sys.path.insert(0, _SOURCE)
os.environ["PYTHONPATH"] = os.pathsep.join([_SOURCE, *filter(None, [os.environ.get("PYTHONPATH")])])
