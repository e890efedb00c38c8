"""Import everything that the stages need, so that forks of this process start with it."""

import os
from importlib import import_module

from tests.documents import ROOT
from tests.faults.instruments import install

_MODULES = (
    *(
        f"stages.{name}"
        for name in ("prepare", "propose", "detect", "extract", "train", "predict", "baselines", "ablate")
    ),
    *(f"hypercolumns.steps.{n}" for n in ("prepare", "propose", "detect", "extract", "train", "predict", "baselines")),
    "hypercolumns.steps.ablate",
    "hypercolumns.cli.main",
    "hypercolumns.grid.remote",
    "hypercolumns.tasks.prediction",
    "hypercolumns.tasks.remote",
    "hypercolumns.proposals.image_set",
    "higra",
    "torch",
    "pandas",
)


def load() -> None:
    """Import the modules, and let the workers find them; starts no thread that a fork would lose."""
    paths = [str(ROOT), str(ROOT / "pipeline"), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.environ["TQDM_DISABLE"] = "1"  # bars of progress hide messages
    for name in _MODULES:
        import_module(name)
    install()
