"""Public names that are imported on first use, and advice when an extra is missing."""

from collections.abc import Callable
from typing import Any

import lazy_loader


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package whose public names are those of the stub beside `file`."""
    load, list_names, names = lazy_loader.attach_stub(package, file)

    def getattr_or_advise(name: str) -> Any:
        try:
            return load(name)
        except ModuleNotFoundError as error:
            if (error.name or "hypercolumns").startswith("hypercolumns"):
                raise
            advice = f"{package}.{name} needs {error.name}: pip install 'hypercolumns[pipeline]'"
            raise ModuleNotFoundError(advice, name=error.name) from None

    return getattr_or_advise, list_names, names
