"""Imported by the process that workers are forked from, so that they find their modules loaded: see `workers`."""

import contextlib
import importlib
import os

from hypercolumns.cluster.imports import without_collection
from hypercolumns.cluster.workers import PRELOADED

with without_collection():
    for name in os.environ.get(PRELOADED, "").split():
        with contextlib.suppress(ImportError):  # the task that needs it says so
            importlib.import_module(name)
