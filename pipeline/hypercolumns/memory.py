"""How the process gives memory back to the system."""

import ctypes
import sys

_OPTIONS = {-3: 1 << 30, -8: 1, -1: 1 << 30, -2: 1 << 26}
"""M_MMAP_THRESHOLD, M_ARENA_MAX (all threads share what is kept), M_TRIM_THRESHOLD and M_TOP_PAD of mallopt(3)."""


def keep_freed_memory() -> None:
    """Let the C library keep what is freed for what is allocated next. For commands, since it changes the process.

    The maps of a forward pass are so large that glibc would give each back to the system, which clears the pages before
    the next pass gets them: a quarter of the time of extraction. Without glibc nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        # Versions of glibc that refuse the first option would be slower with the others alone.
        all(mallopt(option, value) for option, value in _OPTIONS.items())
