"""The files of a folder by stem, for layouts that name a photograph, its masks and its annotation alike."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hypercolumns.errors import InputError

PHOTOGRAPH_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
MASK_SUFFIXES = (".png", ".bmp", ".tif", ".tiff")
"""JPEG is missing since it changes values."""


@dataclass(frozen=True)
class StemIndex:
    """The files of a folder and its subfolders by stem, their path without the suffix."""

    folder: Path
    label: str
    """Kind of the files, for messages."""
    suffixes: tuple[str, ...]
    names: Mapping[str, tuple[str, ...]]
    """Paths relative to `folder`, with "/" between folders, by stem. Stems have composed accents (NFC)."""

    @classmethod
    def of(cls, folder: Path, suffixes: tuple[str, ...], label: str) -> "StemIndex":
        """List the files with one of the suffixes (lower case), in any letter case; without a folder, none."""
        names: dict[str, tuple[str, ...]] = defaultdict(tuple)
        for directory, _, file_names in os.walk(folder):
            below = PurePosixPath(Path(directory).relative_to(folder))
            for file_name in sorted(file_names):
                # macOS leaves files such as "._photo.jpg" beside the real ones.
                if file_name.lower().endswith(suffixes) and not file_name.startswith("."):
                    path = below / file_name
                    names[unicodedata.normalize("NFC", str(path.with_suffix("")))] += (str(path),)
        return cls(folder, label, suffixes, dict(names))

    def find(self, stem: str) -> str:
        """Path of the file of a stem, relative to the folder.

        Raises
        ------
        InputError
            If no file or several files have that stem, or its name is not UTF-8.
        """
        names = self.names.get(stem, ())
        if not names:
            raise InputError(f"The folder {self.folder} has no {self.label} {stem!r} ({', '.join(self.suffixes)}).")
        if len(names) > 1:
            raise InputError(
                f"The folder {self.folder} has {' and '.join(names)}, either of which could be the {self.label} "
                f"{stem!r}; remove or rename all but one."
            )
        try:
            names[0].encode()
        except UnicodeEncodeError:
            raise InputError(
                f"The folder {self.folder} has the {self.label} {names[0]!r}, whose name is not UTF-8; rename the file."
            ) from None
        return names[0]
