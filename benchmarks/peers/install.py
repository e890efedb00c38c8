"""Make the peers' environment, about 2.5 GB, in `benchmarks/peers/.venv`: `python -m benchmarks.peers.install`."""

import subprocess
import sys

from benchmarks.peers.environment import ENVIRONMENT, FOLDER, PYTHON

THINGSVISION = "thingsvision==2.7.3"
"""Installed without its dependencies: it pins torchvision 0.15.2, numpy < 2 and TensorFlow, which its torch part does
not need."""


def install() -> None:
    """Install `requirements.txt` and thingsvision into a new environment; an error of pip ends the program."""
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet"]
    subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)  # noqa: S603
    subprocess.run([*pip, "-r", str(FOLDER / "requirements.txt")], check=True)  # noqa: S603
    subprocess.run([*pip, "--no-deps", THINGSVISION], check=True)  # noqa: S603


if __name__ == "__main__":
    install()
