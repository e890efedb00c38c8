"""Ways to damage a file, the kinds of stored files, and a spread of cases over both."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from numpy.random import Generator


def _flip(path: Path, rng: Generator) -> str:
    content = bytearray(path.read_bytes())
    place, bit = int(rng.integers(len(content))), int(rng.integers(8))
    content[place] ^= 1 << bit
    _overwrite(path, bytes(content))
    return f"bit {bit} of byte {place} of {len(content)} flipped"


def _truncate(path: Path, rng: Generator) -> str:
    content = path.read_bytes()
    size = int(rng.integers(len(content)))
    _overwrite(path, content[:size])
    return f"{size} of {len(content)} bytes left"


def _delete(path: Path, _rng: Generator) -> str:
    path.unlink()
    return "deleted"


def _overwrite(path: Path, content: bytes) -> None:
    """Write in place: hard links show the damage too, as they do when a disk fails."""
    with path.open("r+b") as stream:
        stream.write(content)
        stream.truncate()


ACTIONS: tuple[Callable[[Path, Generator], str], ...] = (_flip, _truncate, _flip, _delete)
"""Half of all damages are flipped bits."""


@dataclass(frozen=True)
class Damage:
    """A file and what is done to it."""

    kind: str
    file: str
    """Path below the folder."""
    number: int
    """Position among the damages of its kind."""

    def apply(self, folder: Path, rng: Generator) -> str:
        """Damage the file; return what was done."""
        return ACTIONS[self.number % len(ACTIONS)](folder / self.file, rng)


def spread(files: Mapping[str, Sequence[str]], count: int, rng: Generator) -> Iterator[Damage]:
    """Spread damages evenly over the kinds of files, and over the ways to damage them.

    Parameters
    ----------
    files
        By kind.
    count
        Number of damages.
    """
    kinds = sorted(kind for kind, found in files.items() if found)
    for number in range(count if kinds else 0):
        turn, kind = divmod(number, len(kinds))
        # Few damages must not all be of the first way.
        yield Damage(kinds[kind], str(rng.choice(files[kinds[kind]])), turn + kind)


def by_kind(root: Path, label: str) -> dict[str, list[str]]:
    """Find the files below a folder that are not empty, by kind.

    Parameters
    ----------
    root
        The folder; files are named by their path below it.
    label
        Start of the names of the kinds.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted(root.rglob("*")):
        if file.is_file() and file.stat().st_size:
            found[f"{label}: {_kind(file.relative_to(root).as_posix())}"].append(file.relative_to(root).as_posix())
    return found


def _kind(file: str) -> str:
    *folders, name = file.split("/")
    store = max((i for i, folder in enumerate(folders) if folder.endswith(".zarr")), default=-1)
    inner = folders[store + 1 :]
    prefix = f"{folders[store]} " if store >= 0 else f"{folders[0]} " if folders and "c" not in folders else ""
    if "c" in inner:
        array = inner[0] if inner[0] != "c" else "array"
        return f"{prefix}shards of {array}"
    if name == "zarr.json":
        return f"{prefix}zarr.json" + (" of arrays and groups" if inner else "")
    return prefix + re.sub(r"[0-9a-f]{16,}|\d+", "#", name)
