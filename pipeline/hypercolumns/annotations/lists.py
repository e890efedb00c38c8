"""Lists of photographs: text files that name the images of a split, one per line."""

from pathlib import Path

_FOLDERS = ("ImageSets/Segmentation", "ImageSets/Main", "ImageSets", ".")
"""Where lists may lie below the folder of a data set, the likeliest first."""


def find_list(root: Path, name: str) -> Path | None:
    """Find the list `name`.txt of a data set; None if there is none."""
    paths = [root / folder / f"{name}.txt" for folder in _FOLDERS]
    return next((path for path in paths if path.is_file()), None)
