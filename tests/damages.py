"""Ways in which a file is damaged, for tests of what its reader says."""

import os
from collections.abc import Callable
from pathlib import Path


def flip(file: Path) -> None:
    """Flip a bit in the middle of a file."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def truncate(file: Path) -> None:
    """Cut a file in half."""
    os.truncate(file, file.stat().st_size // 2)


DAMAGES: tuple[Callable[[Path], None], ...] = (flip, truncate, Path.unlink)
