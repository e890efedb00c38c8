"""Where the environment of the peers is; `python -m benchmarks.peers.install` makes it."""

from pathlib import Path

FOLDER = Path(__file__).parent
ENVIRONMENT = FOLDER / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
ROOT = FOLDER.parents[1]
"""Where `python -m benchmarks...` finds the programs."""
