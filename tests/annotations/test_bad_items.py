"""Malformed items raise the first error, or are all counted by reason while only some are named in the log."""

import logging

import pytest

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.errors import InputError


def test_the_first_bad_item_raises_unless_items_are_skipped():
    """Without `skip`, the error of an item passes through and nothing is counted."""
    refusing = BadItems(skip=False, tasks=["parts"])
    with pytest.raises(InputError, match="item 3"), refusing.catch("items"):
        raise InputError("item 3")
    with pytest.raises(InputError, match="item 4"), refusing.catch("items", needed_by="parts"):
        raise InputError("item 4")
    assert not refusing.counts


def test_an_item_that_no_wanted_task_needs_is_left_out_and_counted():
    """What nobody asked for must not stop a run."""
    refusing = BadItems(skip=False, tasks=["parts"])
    with refusing.catch("malformed_keypoints", needed_by="keypoints"):
        raise InputError("item 3")
    assert refusing.counts == {"malformed_keypoints": 1}


def test_skipped_items_are_all_counted_but_not_all_logged(caplog):
    """Thirty skipped items of each of two reasons count as thirty, but the log names only the first three of each."""
    skipping = BadItems(skip=True, tasks=[])
    with caplog.at_level(logging.WARNING):
        for number in range(30):
            for reason in ("small_items", "large_items"):
                with skipping.catch(reason):
                    raise InputError(f"{reason} {number:02}.")
    assert skipping.counts == {"small_items": 30, "large_items": 30}
    assert "large_items 02." in caplog.text
    assert "large_items 03." not in caplog.text
    assert caplog.text.count("more small items") == 1


def test_other_errors_are_never_skipped():
    """A bug must not pass for a malformed item."""
    skipping = BadItems(skip=True, tasks=[])
    with pytest.raises(ZeroDivisionError), skipping.catch("items"):
        _ = 1 / 0
    assert not skipping.counts


def test_results_of_malformed_items_are_left_out_and_the_others_keep_their_order():
    """Every tenth of fifty items, read in threads, is malformed."""

    def read(number):
        if number % 10 == 0:
            raise InputError(f"item {number}.")
        return number

    skipping = BadItems(skip=True, tasks=[])
    assert skipping.map_in_threads(read, range(50), "numbers", "items") == [n for n in range(50) if n % 10]
    assert skipping.counts["items"] == 5
    with pytest.raises(InputError, match=r"item 0\."):
        BadItems(skip=False, tasks=[]).map_in_threads(read, range(50), "numbers", "items")
