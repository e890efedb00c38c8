"""Malformed items raise the first error, or are all counted while only the first ones are named in the log."""

import logging

import pytest

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.errors import InputError


def test_the_first_bad_item_raises_unless_items_are_skipped():
    """Without `skip`, the error of an item passes through and nothing is counted."""
    refusing = BadItems(skip=False)
    with pytest.raises(InputError, match="item 3"), refusing.catch():
        raise InputError("item 3")
    assert refusing.count == 0


def test_skipped_items_are_all_counted_but_not_all_logged(caplog):
    """Thirty skipped items count as thirty, but the log names only the first twenty."""
    skipping = BadItems(skip=True)
    with caplog.at_level(logging.WARNING):
        for number in range(30):
            with skipping.catch():
                raise InputError(f"item {number:02}.")
    assert skipping.count == 30
    assert "item 19." in caplog.text
    assert "item 20." not in caplog.text
    assert "More items are left out" in caplog.text


def test_other_errors_are_never_skipped():
    """A bug must not pass for a malformed item."""
    skipping = BadItems(skip=True)
    with pytest.raises(ZeroDivisionError), skipping.catch():
        _ = 1 / 0
    assert skipping.count == 0


def test_results_of_malformed_items_are_left_out_and_the_others_keep_their_order():
    """Every tenth of fifty items, read in threads, is malformed."""

    def read(number):
        if number % 10 == 0:
            raise InputError(f"item {number}.")
        return number

    skipping = BadItems(skip=True)
    assert skipping.map_in_threads(read, range(50), "numbers") == [n for n in range(50) if n % 10]
    assert skipping.count == 5
    with pytest.raises(InputError, match=r"item 0\."):
        BadItems(skip=False).map_in_threads(read, range(50), "numbers")
