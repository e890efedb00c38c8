"""Count units of work, and what is kept of them, in every process of a run.

A unit is a photograph or region that passes the network, a photograph whose candidates are measured or ranked, a fitted
cell, or a part of a store that is predicted. The environment variable `EVENTS` names the file that events are written
to; where it is set, importing this module installs the counters, in workers too. Stores get as many shards as they can.
"""

import functools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EVENTS = "FAULTS_EVENTS"
"""Environment variable: file that events are appended to."""

KILL_AFTER = "FAULTS_KILL_AFTER"
"""Environment variable: the process group kills itself when so many things are kept."""

_PROPOSING = ("measure", "rank")
"""Functions that each keep what they compute for a photograph."""

MODULE = "tests.faults.instruments"


@dataclass(frozen=True)
class Event:
    """Something that happened in a run."""

    kind: str
    """begin, unit, kept, rows or error."""
    name: str
    """Name of what was computed or of the call that failed, path of the file that is kept, or number of rows kept."""
    time: float
    """Seconds of the clock that all processes share."""
    process: int
    """Id of the process."""


def read_events(path: Path) -> list[Event]:
    """Read the events of a run; a line that was being written at a kill is left out."""
    if not path.exists():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [Event(*json.loads(line)) for line in lines if line.endswith("\n")]


def record(kind: str, name: str) -> None:
    """Append an event; one system call, so that lines of several processes do not mix."""
    path = os.environ.get(EVENTS)
    if path is None:
        return
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, (json.dumps([kind, name, time.monotonic(), os.getpid()]) + "\n").encode())
    os.close(file)
    limit = os.environ.get(KILL_AFTER)
    if limit and kind in ("kept", "rows"):
        n_kept = sum(event.kind in ("kept", "rows") for event in read_events(Path(path)))
        if n_kept >= int(limit):
            os.killpg(os.getpgrp(), signal.SIGKILL)


def _counted(function: Callable[..., Any], units: Callable[..., list[str]]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if EVENTS not in os.environ:
            return function(*args, **options)
        record("begin", function.__name__)
        result = function(*args, **options)
        for name in units(*args, **options):
            record("unit", name)
        return result

    return call


def _replace(function: Any, other: Any) -> None:
    """Put `other` in the place of a function in all modules of the package that have imported it."""
    for name, module in list(sys.modules.items()):
        if name.startswith("hypercolumns"):
            for attribute, value in list(vars(module).items()):
                if value is function:
                    setattr(module, attribute, other)


def _images(_backbone: Any, images: Any) -> list[str]:
    """Name every image of a pass but those of zeros, which fill it up or measure shapes."""
    return ["image" for image in images if bool(image.any())]


def _call(*_args: Any, **_options: Any) -> list[str]:
    return ["call"]


def install() -> None:
    """Wrap the functions of the package that do a unit of work or keep something."""
    from hypercolumns.backbones.engines import OnnxBackbone
    from hypercolumns.features import schema
    from hypercolumns.grid import remote
    from hypercolumns.proposals import generate
    from hypercolumns.scratch import checked_files
    from hypercolumns.stores.writing import StoreWriter
    from hypercolumns.tasks import remote as predicting

    schema.SHARD_BYTES = 1  # as few regions per shard as there can be, so that tiny stores have several
    OnnxBackbone.forward = _counted(OnnxBackbone.forward, _images)  # type: ignore[method-assign]
    names = {generate: _PROPOSING, remote: ("fit_cell",), predicting: ("_predict_part",)}
    for module, functions in names.items():
        for function in [getattr(module, name) for name in functions if hasattr(module, name)]:
            _replace(function, _counted(function, _call))

    original_write, original_checkpoint = checked_files.atomic_write, StoreWriter.checkpoint

    @contextmanager
    @functools.wraps(original_write)
    def atomic_write(path: Path) -> Iterator[Any]:
        with original_write(path) as stream:
            yield stream
        record("kept", str(path))

    @functools.wraps(original_checkpoint)
    def checkpoint(self: Any) -> None:
        original_checkpoint(self)
        record("rows", str(min((array.rows for array in self._arrays.values()), default=0)))

    _replace(original_write, atomic_write)
    StoreWriter.checkpoint = checkpoint  # type: ignore[method-assign]


if EVENTS in os.environ:
    install()
