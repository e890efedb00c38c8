"""The EXIF orientation of photographs: reading the tag, deciding whether it applies, and turning."""

from PIL import Image, TiffImagePlugin
from PIL.ExifTags import Base
from PIL.Image import Transpose

Size = tuple[int, int]
"""Width and height."""

_TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""Turn that shows a photograph upright, by tag."""

_INVERSE = {6: 8, 8: 6}
"""Tags whose turn undoes that of another tag; the others undo themselves."""


def orientation_tag(image: Image.Image) -> int:
    """Read the EXIF orientation, 1 to 8, without decoding pixels; 1 if there is none or the EXIF data is broken.

    A PNG may hold its tag after the pixels; this one is found only once the pixels are decoded. A TIFF has its tag
    only before that.
    """
    try:
        # Not image.getexif(), which decodes PNG files of any size.
        tag = Image.Image.getexif(image).get(Base.Orientation)
    except Exception:  # broken EXIF data makes Pillow raise errors of almost any type
        return 1
    return tag if isinstance(tag, int) and tag in _TURNS else 1


def stored_size(image: Image.Image) -> Size:
    """Size of a photograph as it is stored, before its orientation applies."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # Pillow applies the orientation of a TIFF by itself.
        return image.tag_v2[TiffImagePlugin.IMAGEWIDTH], image.tag_v2[TiffImagePlugin.IMAGELENGTH]
    return image.size


def turned_size(size: Size, orientation: int) -> Size:
    """Size of a photograph after turning it.

    Examples
    --------
    >>> turned_size((40, 30), 6), turned_size((40, 30), 3)
    ((30, 40), (40, 30))
    """
    return size[::-1] if orientation >= 5 else size


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """Turn an image as its EXIF orientation says."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def inverse(orientation: int) -> int:
    """Return the orientation that undoes another."""
    return _INVERSE.get(orientation, orientation)


def orientation_to_apply(rule: str, tag: int, stored: Size, annotated: Size | None) -> int:
    """Decide by `dataset.orientation` how a photograph is turned.

    Parameters
    ----------
    rule
        apply and ignore always do so. auto leaves a photograph as it is stored if the annotation has that size and not
        the turned one; it applies the tag otherwise, also where the sizes cannot tell.
    tag
        The EXIF orientation of the photograph.
    stored, annotated
        Sizes of the photograph as it is stored and of its annotation; None if it is not annotated.

    Returns
    -------
    The tag, or 1 to leave the photograph as it is stored.

    Examples
    --------
    >>> orientation_to_apply("auto", 6, stored=(40, 30), annotated=(30, 40))
    6
    >>> orientation_to_apply("auto", 6, stored=(40, 30), annotated=(40, 30))
    1
    >>> orientation_to_apply("auto", 3, stored=(40, 30), annotated=(40, 30))
    3
    """
    is_as_stored = annotated == stored != turned_size(stored, tag)
    return 1 if rule == "ignore" or (rule == "auto" and is_as_stored) else tag
