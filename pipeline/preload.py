"""What the process that workers are forked from imports, all at once: see `pipeline.workers.serve_forks`.

Nothing else imports this module.
"""

import contextlib
import gc
import importlib
import os

from pipeline.workers import PRELOADED

# Looking through what imports make for garbage takes a third of a second here, and in workers it would copy the memory
# that they share.
gc.disable()
for name in os.environ[PRELOADED].split():
    with contextlib.suppress(ImportError):  # the task that needs it says so
        importlib.import_module(name)
gc.freeze()
gc.enable()
