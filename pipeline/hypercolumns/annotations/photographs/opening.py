"""Opening image files: errors worded for users, and photographs that are larger than Pillow allows by itself."""

import stat
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import RLock

from PIL import Image, UnidentifiedImageError

from hypercolumns.errors import InputError
from hypercolumns.input_files import read_bytes

_PILLOW_LIMIT = 89_478_485
"""Pixels above which Pillow warns; above twice as many it refuses."""

_START_OF_SCAN, _MAX_SCANS = b"\xff\xda", 100

_limit_lock = RLock()


class MissingImageError(InputError):
    """An image file that does not exist."""


@contextmanager
def worded_errors(path: Path, label: str, if_missing: str = "does not exist") -> Iterator[None]:
    """Turn any error of reading an image into one that names the file; parameters are those of `open_image`.

    Raises
    ------
    MissingImageError, InputError
        As `open_image`.
    """
    try:
        yield
    except InputError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise MissingImageError(f"The {label} {path} {if_missing}.") from None
    except UnidentifiedImageError:
        raise InputError(
            f"The {label} {path} cannot be read: it is not an image, or of a kind that Pillow does not know."
        ) from None
    except Exception as error:  # broken files make Pillow's decoders raise errors of almost any type
        raise InputError(f"The {label} {path} cannot be read: {str(error) or type(error).__name__}.") from None


@contextmanager
def open_image(path: Path, label: str, if_missing: str = "does not exist") -> Iterator[Image.Image]:
    """Open an image for reading inside a `with` statement.

    Parameters
    ----------
    path
        The image file.
    label
        What the image is, for messages.
    if_missing
        What the message says about a file that does not exist.

    Raises
    ------
    MissingImageError
        If the file does not exist.
    InputError
        If it is a folder or device, truncated, broken, absurdly large or not an image, also where this is noticed only
        when the pixels are decoded. Any error inside the `with` statement counts as a broken file.
    """
    with worded_errors(path, label, if_missing), _open(path) as image:
        yield image


@contextmanager
def open_of_any_size(path: Path, pixels: int = 0, if_missing: str = "does not exist") -> Iterator[Image.Image]:
    """Open a photograph as `open_image` does, but of any size; the caller checks the size before decoding.

    Pillow's limit belongs to the whole process, which may have other uses for it. Therefore it is lifted only while a
    photograph above it is open, and only one such photograph is open at a time.

    Parameters
    ----------
    path
        The photograph.
    pixels
        The expected number of pixels; 0 if it is unknown.
    if_missing
        What the message says about a file that does not exist.

    Raises
    ------
    MissingImageError, InputError
        As `open_image`, but only for what opening notices.
    """
    with ExitStack() as stack:
        if pixels > _PILLOW_LIMIT:
            stack.enter_context(_lifted_limit())
        with worded_errors(path, "photograph", if_missing):
            try:
                image = _open(path)
            except (Image.DecompressionBombError, Image.DecompressionBombWarning):
                stack.enter_context(_lifted_limit())
                image = _open(path)
        yield stack.enter_context(image)


@contextmanager
def no_size_warnings() -> Iterator[None]:
    """Silence Pillow's warnings of large images in all threads; for passes over a data set, begun by one thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def verify(path: Path, image: Image.Image) -> None:
    """Check what Pillow does not check when it decodes the pixels of an opened image.

    The checksums of a PNG must be right. A progressive JPEG must not have more than 100 scans: ten are usual, and each
    takes the time of a whole image, so that a small file could keep a decoder busy for hours.

    Raises
    ------
    Exception
        Of almost any type, if the image is broken.
    """
    if image.format == "PNG":
        with _open(path) as unread:
            unread.verify()
    if image.info.get("progressive") and read_bytes(path).count(_START_OF_SCAN) > _MAX_SCANS:
        raise ValueError(f"it has more than {_MAX_SCANS} progressive scans; save it again")


def _open(path: Path) -> Image.Image:
    # Opening a named pipe would wait for a writer.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is not a regular file")
    image = Image.open(path)
    if image.format == "EPS":  # Pillow would let Ghostscript run it as a program
        raise ValueError("it is PostScript; save it as PNG")
    return image


@contextmanager
def _lifted_limit() -> Iterator[None]:
    with _limit_lock:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
