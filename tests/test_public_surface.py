"""The public names: few, documented, imported when asked for."""

import inspect
import subprocess
import sys

import pytest

import hypercolumns
from hypercolumns import steps

NAMES = [name for name in hypercolumns.__all__ if name != "steps"]


def test_importing_the_package_loads_neither_torch_nor_dask_nor_numpy() -> None:
    code = "import sys, hypercolumns; print({'torch', 'dask', 'numpy', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_says_what_it_is(name: str) -> None:
    documented = inspect.getdoc(getattr(hypercolumns, name))
    assert documented
    assert not documented.startswith(f"{name}("), "the signature that a data class without a docstring gets"


@pytest.mark.parametrize("name", steps.__all__)
def test_a_step_takes_parameters_and_a_workspace_first_and_says_what_it_raises(name: str) -> None:
    step = getattr(steps, name)
    assert list(inspect.signature(step).parameters)[:2] == ["parameters", "workspace"]
    assert "Raises" in inspect.getdoc(step)


@pytest.mark.parametrize("name", [*NAMES, *(f"steps.{step}" for step in steps.__all__)])
def test_a_public_function_has_at_most_five_positional_parameters(name: str) -> None:
    found = getattr(steps, name.removeprefix("steps.")) if name.startswith("steps.") else getattr(hypercolumns, name)
    if inspect.isclass(found):
        return
    positional = [p for p in inspect.signature(found).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert len(positional) <= 5


def test_the_names_that_an_editor_shows_are_the_public_ones() -> None:
    assert set(hypercolumns.__all__) <= set(dir(hypercolumns))
    with pytest.raises(AttributeError, match="No hypercolumns attribute nothing"):
        hypercolumns.nothing  # noqa: B018
