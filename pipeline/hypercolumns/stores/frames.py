"""The header of a Zstandard frame, which says whether the frame has a checksum and how much it holds."""

_MAGIC = 0xFD2FB528.to_bytes(4, "little")
_CHECKSUM = 0b100
_SINGLE_SEGMENT = 0b100000
_DICTIONARY_BYTES = (0, 1, 2, 4)
_SIZE_BYTES = (0, 2, 4, 8)


def require_frame(chunk: bytes, size: int) -> None:
    """Refuse a chunk that is not a frame of `size` bytes with a checksum; the rest of the frame is not looked at.

    Decoders accept frames without a checksum, and leave what a smaller frame does not fill as it is in memory.

    Raises
    ------
    ValueError
        Saying what is wrong.

    Notes
    -----
    RFC 8878, section 3.1.1.1.
    """
    if len(chunk) < 6 or chunk[:4] != _MAGIC:
        raise ValueError("it is not a Zstandard frame")
    descriptor = chunk[4]
    if not descriptor & _CHECKSUM:
        raise ValueError("it has no checksum")
    found = _content_size(chunk, descriptor)
    if found != size:
        raise ValueError(f"it holds {'an unknown number of' if found is None else found} bytes instead of {size}")


def _content_size(chunk: bytes, descriptor: int) -> int | None:
    is_single = bool(descriptor & _SINGLE_SEGMENT)
    length = _SIZE_BYTES[descriptor >> 6] or int(is_single)
    start = 5 + (not is_single) + _DICTIONARY_BYTES[descriptor & 0b11]
    if not length or len(chunk) < start + length:
        return None
    return int.from_bytes(chunk[start : start + length], "little") + (256 if length == 2 else 0)
