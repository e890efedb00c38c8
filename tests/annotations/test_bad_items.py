"""Malformed items end the reading, or are all counted while only the first are named."""

import logging

import pytest

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.errors import InputError


def test_the_first_bad_item_ends_the_reading_unless_they_are_skipped():
    refusing = BadItems(skip=False)
    with pytest.raises(InputError, match="item 3"), refusing.item():
        raise InputError("item 3")
    assert refusing.count == 0


def test_all_are_counted_and_the_first_are_named(caplog):
    skipping = BadItems(skip=True)
    with caplog.at_level(logging.WARNING):
        for number in range(30):
            with skipping.item():
                raise InputError(f"item {number:02}.")
    assert skipping.count == 30
    assert "item 19." in caplog.text
    assert "item 20." not in caplog.text
    assert "more, which are counted only" in caplog.text


def test_other_errors_are_never_skipped():
    """A mistake of ours must not pass for a malformed file."""
    skipping = BadItems(skip=True)
    with pytest.raises(ZeroDivisionError), skipping.item():
        _ = 1 / 0
    assert skipping.count == 0
