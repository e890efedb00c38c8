"""Pictures that tests draw: no two of their corners are alike, so that any wrong turn or scale shows."""

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 24, 16
TURNED = {
    1: lambda picture: picture,
    2: lambda picture: picture[:, ::-1],
    3: lambda picture: picture[::-1, ::-1],
    4: lambda picture: picture[::-1],
    5: lambda picture: picture.swapaxes(0, 1),
    6: lambda picture: picture[::-1].swapaxes(0, 1),
    7: lambda picture: picture[::-1, ::-1].swapaxes(0, 1),
    8: lambda picture: picture[:, ::-1].swapaxes(0, 1),
}
"""The shown picture by EXIF orientation, from the definition: where the stored rows and columns begin."""


def colours(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A picture (height, width, 3) with a block of another colour in each corner, on a grey ground."""
    picture = np.full((height, width, 3), 90, dtype=np.uint8)
    y, x = height // 4, width // 4
    picture[:y, :x] = 255, 0, 0
    picture[:y, -x:] = 0, 255, 0
    picture[-y:, :x] = 0, 0, 255
    picture[-y:, -x:] = 255, 255, 255
    return picture


def greys() -> np.ndarray:
    """A picture (HEIGHT, WIDTH) of grey values from 0 to 255."""
    return np.linspace(0, 255, WIDTH * HEIGHT).round().astype(np.uint8).reshape(HEIGHT, WIDTH)


def save(path, picture, tag=None, **options) -> None:
    """Write a picture, an array or image, losslessly where the format can, with an EXIF orientation."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    if tag is not None:
        exif = Image.Exif()
        exif[0x0112] = tag
        options["exif"] = exif
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".webp":
        options["lossless"] = True
    if path.suffix in (".jpg", ".jpeg"):
        options |= {"quality": 95, "subsampling": 0}
    image.save(path, **options)
