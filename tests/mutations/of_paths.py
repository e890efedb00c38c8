"""Mutations of what a path leads to: nothing, an empty file, or something that is not a file of that kind."""

import os
from pathlib import Path

from numpy.random import Generator

from tests.mutations.harness import Mutation


def _missing(path: Path, _rng: Generator) -> None:
    path.unlink()


def _empty(path: Path, _rng: Generator) -> None:
    path.write_bytes(b"")


def _folder(path: Path, _rng: Generator) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path, _rng: Generator) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(target: str) -> Mutation:
    def apply(path: Path, _rng: Generator) -> None:
        path.unlink()
        path.symlink_to(target.format(name=path.name))

    return Mutation(f"link to {target}", apply)


def _huge(path: Path, _rng: Generator) -> None:
    with path.open("r+b") as stream:
        stream.truncate(6 * 2**30)  # a hole, which takes no space on the disk


def path_mutations(missing: str = "", empty: str = "") -> list[Mutation]:
    """Other things in the place of a file.

    Parameters
    ----------
    missing, empty
        Why another reading is right where there is no file, or an empty one.
    """
    return [
        Mutation("missing", _missing, missing),
        Mutation("empty", _empty, empty),
        Mutation("a folder", _folder, missing),
        Mutation("a named pipe", _pipe),
        _link("{name}"),
        _link("nowhere"),
        _link("/dev/zero"),
        Mutation("6 GB of zeros behind it", _huge),
    ]
