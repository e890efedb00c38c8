"""What a reader makes of an input file after one mutation: the reader, the mutation, and the outcome.

To test another file or another attack, add a `Reader` to `readers.py` or a `Mutation` to the module of its kind; the
tests, the limits and the table follow.
"""

import logging
import os
import shutil
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.random import Generator

from hypercolumns.errors import InputError

SAMPLED = 9
"""One of so many variants is chosen where a sample is judged."""

LONGEST_MESSAGE = 5000
"""In characters; a message that repeats more of a damaged file cannot be read by people."""


class Outcome(StrEnum):
    """What became of a variant."""

    REFUSED = "refused"
    """`InputError` with a readable message that names the file."""
    LEFT_OUT = "left out"
    """Read, and counts or warnings say what is missing."""
    EQUAL = "equal"
    """Read as the undamaged file is."""
    CHANGED = "changed"
    """Read as something else, which the mutation declares to be legitimate data."""
    SILENT = "silent"
    """Read as something else without a word, although something is wrong."""
    UNCLEAR = "unclear"
    """`InputError` whose message does not name the file or cannot be read."""
    CRASHED = "crashed"
    """Another exception, or the end of the process."""
    TOO_SLOW = "too slow"
    TOO_LARGE = "too large"
    """More memory than the limit, whether the attempt was caught or not."""


GOOD = {Outcome.REFUSED, Outcome.LEFT_OUT, Outcome.EQUAL, Outcome.CHANGED}


@dataclass(frozen=True)
class Reading:
    """What a reader returns, in a form that can be compared."""

    content: object
    left_out: object = None
    """What it says that it has left out."""


@dataclass(frozen=True)
class Mutation:
    """A change of a file."""

    name: str
    apply: Callable[[Path, Generator], None]
    """Changes the file at a path, or puts something else there."""
    legitimate: str = ""
    """Why another reading without a word is right; empty if it would be wrong."""
    sampled: bool = False
    """One of many of its kind, of which a sample is judged by default."""


@dataclass(frozen=True)
class Reader:
    """An entry point for input from outside, a valid input, and the mutations of its files."""

    name: str
    write: Callable[[Path], None]
    """Writes the input to an empty folder."""
    read: Callable[[Path], Reading]
    """Reads it from there."""
    files: Mapping[str, Sequence[Mutation]]
    """Mutations by the path of the file in the folder."""
    folders: Sequence[str] = ()
    """Folders whose files are read together, so that a message may name the folder in place of the file."""
    sampled: bool = False
    """Another one apart from a setting, so that a sample of its variants is judged by default."""


@dataclass(frozen=True)
class Variant:
    """An input with one mutation."""

    reader: Reader
    file: str
    mutation: Mutation

    @property
    def name(self) -> str:
        """Unique name."""
        return f"{self.reader.name}: {self.file}: {self.mutation.name}"


@dataclass(frozen=True)
class Result:
    """The outcome of a variant."""

    variant: str
    outcome: Outcome
    detail: str = ""
    """The message, the traceback, or the difference."""
    seconds: float = 0.0

    @property
    def reader(self) -> str:
        """Name of the reader."""
        return self.variant.partition(": ")[0]


def content_mutation(
    name: str, change: Callable[[bytes], bytes], legitimate: str = "", *, sampled: bool = False
) -> Mutation:
    """A mutation of the content of a file."""
    return random_mutation(name, lambda content, _rng: change(content), legitimate, sampled=sampled)


def random_mutation(
    name: str, change: Callable[[bytes, Generator], bytes], legitimate: str = "", *, sampled: bool = False
) -> Mutation:
    """A random mutation of the content of a file; the generator has a seed made of the name of the variant."""

    def apply(path: Path, rng: Generator) -> None:
        path.write_bytes(change(path.read_bytes(), rng))

    return Mutation(name, apply, legitimate, sampled)


def sampled(mutations: Iterable[Mutation]) -> list[Mutation]:
    """The same mutations, of which a sample is judged by default."""
    return [replace(mutation, sampled=True) for mutation in mutations]


def all_variants(readers: Iterable[Reader]) -> list[Variant]:
    """All variants of readers; their names are unique."""
    found = [
        Variant(reader, file, mutation)
        for reader in readers
        for file, mutations in reader.files.items()
        for mutation in mutations
    ]
    repeated = [name for name, count in Counter(variant.name for variant in found).items() if count > 1]
    if repeated:
        raise ValueError(f"several variants are called {repeated[0]!r}")
    return found


def chosen(variants: Iterable[Variant]) -> list[Variant]:
    """All variants if the environment variable `MUTATIONS` is set; else a sample of those of which there are many."""
    return [
        variant
        for variant in variants
        if "MUTATIONS" in os.environ
        or not (variant.reader.sampled or variant.mutation.sampled)
        or zlib.crc32(variant.name.encode()) % SAMPLED == 0
    ]


class Judge:
    """Judges variants one after the other in one folder, so that paths in messages are the same for all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._undamaged: dict[str, Reading] = {}

    def prepare(self, variant: Variant) -> None:
        """Write the input of a variant; the first time that its reader occurs, read the undamaged input too."""
        reader = variant.reader
        root, template = self._folder / "input", self._folder / reader.name
        if reader.name not in self._undamaged:
            template.mkdir()
            reader.write(template)
            self._restore(root, template)
            self._undamaged[reader.name] = _read(reader, root)
        self._restore(root, template)
        variant.mutation.apply(root / variant.file, np.random.default_rng(zlib.crc32(variant.name.encode())))

    def judge(self, variant: Variant) -> Result:
        """Read the input that was prepared, and compare with the reading of the undamaged one."""
        root = self._folder / "input"
        undamaged = self._undamaged[variant.reader.name]
        outcome, detail = _outcome(variant.reader, root, root / variant.file, variant.mutation, undamaged)
        return Result(variant.name, outcome, detail)

    @staticmethod
    def _restore(root: Path, template: Path) -> None:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(template, root)


def _outcome(reader: Reader, root: Path, path: Path, mutation: Mutation, undamaged: Reading) -> tuple[Outcome, str]:
    try:
        reading = _read(reader, root)
    except InputError as error:
        message = str(error)
        if any(isinstance(cause, MemoryError) for cause in _causes(error)):
            return Outcome.TOO_LARGE, message
        return (Outcome.REFUSED if _is_clear(message, [path.stem, *reader.folders]) else Outcome.UNCLEAR), message
    except MemoryError:
        return Outcome.TOO_LARGE, traceback.format_exc()
    except BaseException:  # whatever ends a run with a traceback
        return Outcome.CRASHED, traceback.format_exc()
    if reading.left_out != undamaged.left_out:
        return Outcome.LEFT_OUT, str(reading.left_out)
    if reading.content == undamaged.content:
        return Outcome.EQUAL, ""
    return (Outcome.CHANGED if mutation.legitimate else Outcome.SILENT), _difference(undamaged, reading)


def _is_clear(message: str, names: Sequence[str]) -> bool:
    is_readable = message.replace("\n", " ").isprintable() and len(message) <= LONGEST_MESSAGE
    return is_readable and message.endswith(".") and any(name in message for name in names)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that led to it, those that `from None` hides included."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _difference(one: Reading, two: Reading) -> str:
    """The first place where two readings differ."""
    first, second = str(one.content), str(two.content)
    place = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), 0)
    start = max(0, place - 60)
    return f"{first[start : place + 60]!r} became {second[start : place + 60]!r}"


def _read(reader: Reader, root: Path) -> Reading:
    """Read the input; what is left out includes the warnings that were logged."""
    with _warnings() as warnings:
        reading = reader.read(root)
    return Reading(reading.content, (reading.left_out, tuple(warnings)))


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect the warnings that the package logs."""
    found: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("hypercolumns")
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)
