"""The header of a Zstandard frame, which says how much the frame holds."""

import numpy as np
from numpy.typing import NDArray

_MAGIC = 0xFD2FB528.to_bytes(4, "little")
_SINGLE_SEGMENT = 0b100000
_DICTIONARY_BYTES = (0, 1, 2, 4)
_SIZE_BYTES = (0, 2, 4, 8)
_LONGEST_HEADER = 18


def require_content_size(frame: NDArray[np.uint8], size: int) -> None:
    """Refuse what is not a frame of `size` bytes; only its header is looked at.

    Decoders leave what a smaller frame does not fill as it is in memory.

    Raises
    ------
    ValueError
        Saying what is wrong.

    Notes
    -----
    RFC 8878, section 3.1.1.1.
    """
    header = frame[:_LONGEST_HEADER].tobytes()
    if len(header) < 6 or header[:4] != _MAGIC:
        raise ValueError("it is not a Zstandard frame")
    found = _content_size(header)
    if found != size:
        raise ValueError(f"it holds {'an unknown number of' if found is None else found} bytes instead of {size}")


def _content_size(header: bytes) -> int | None:
    descriptor = header[4]
    is_single = bool(descriptor & _SINGLE_SEGMENT)
    length = _SIZE_BYTES[descriptor >> 6] or int(is_single)
    start = 5 + (not is_single) + _DICTIONARY_BYTES[descriptor & 0b11]
    if not length or len(header) < start + length:
        return None
    return int.from_bytes(header[start : start + length], "little") + (256 if length == 2 else 0)
