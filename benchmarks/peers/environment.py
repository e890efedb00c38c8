"""Paths of the peers' environment, which `python -m benchmarks.peers.install` makes."""

from pathlib import Path

FOLDER = Path(__file__).parent
ENVIRONMENT = FOLDER / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
ROOT = FOLDER.parents[1]
"""Folder in which `python -m benchmarks...` finds the programs."""
