"""The tables of dependencies, the pins, the lowest versions and pyproject.toml agree."""

import pytest

from tests.dependencies import PAGE, Declared, differing, pins, with_tables

ONLY_PINNED = {"torch", "torchvision"}
"""Builds of older versions for the CPU alone are hard to get, so their lower bounds are not tested."""


def test_the_tables_are_those_of_the_installed_packages() -> None:
    """`python -m tests.dependencies` writes them again."""
    others = differing(pins())
    if others:
        pytest.skip(f"other versions than the pinned ones are installed: {', '.join(others)}")
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tables(page)


def test_the_pins_lie_in_the_ranges_of_pyproject() -> None:
    pinned = pins()
    for name, requirement in Declared.read().bounds.items():
        assert requirement.specifier.contains(pinned[name]), requirement


def test_the_lowest_versions_are_the_lower_bounds_of_pyproject() -> None:
    declared, lowest = Declared.read(), pins("requirements-lowest.txt")
    wanted = {name: declared.lowest(name) for name, uses in declared.uses.items() if set(uses) != {"tests"}}
    assert lowest.keys() == wanted.keys() | {"pytest"}
    for name in wanted.keys() - ONLY_PINNED:
        assert lowest[name] == wanted[name], name
    assert {name: lowest[name] for name in ONLY_PINNED} == {name: pins()[name] for name in ONLY_PINNED}
