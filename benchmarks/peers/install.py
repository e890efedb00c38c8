"""Make the environment of the peers, about 2 GB, in `benchmarks/peers/.venv`: `python -m benchmarks.peers.install`."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
ENVIRONMENT = FOLDER / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"


def install() -> None:
    """Install `requirements.txt` into a fresh environment; an error of pip ends the program."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)  # noqa: S603
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "-r", FOLDER / "requirements.txt"], check=True)  # noqa: S603


if __name__ == "__main__":
    install()
