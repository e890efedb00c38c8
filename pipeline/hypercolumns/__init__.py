"""Cached hypercolumn features of any frozen backbone, and the K x K grids of linear classifiers on them.

The public names are listed in `__init__.pyi`; `hypercolumns.steps` has one function per step of the pipeline. Each name
is imported on first use, so that opening a store does not wait for torch.
"""

from hypercolumns.process import is_command, prepare

if is_command("hypercolumns", "stages"):
    prepare()

from importlib.metadata import PackageNotFoundError, version

from hypercolumns.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)

try:
    __version__ = version("hypercolumns")
except PackageNotFoundError:  # a checkout that is not installed
    __version__ = "0+unknown"
