"""Import the modules of the workers; runs in the fork server, from which the workers inherit them (see `workers`)."""

import contextlib
import importlib
import os

from hypercolumns.cluster.imports import without_garbage_collection
from hypercolumns.cluster.workers import PRELOAD_VARIABLE

with without_garbage_collection():
    for name in os.environ.get(PRELOAD_VARIABLE, "").split():
        with contextlib.suppress(ImportError):  # reported by the task that needs the module
            importlib.import_module(name)
