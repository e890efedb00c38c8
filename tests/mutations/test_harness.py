"""The harness notices whatever a reader may do, and goes on with the next variant."""

import pytest

from tests.mutations.harness import Outcome, all_variants
from tests.mutations.misbehaving import BEHAVIOUR, GROUPS
from tests.mutations.processes import judge_all
from tests.mutations.table import complaints, table


@pytest.fixture(scope="module")
def results():
    names = [variant.name for variant in all_variants(GROUPS["all"])]
    return judge_all(names, "tests.mutations.misbehaving", seconds=3)


def test_every_behaviour_has_its_outcome(results):
    """Also the end of the process, and an attempt to allocate that the reader hides."""
    found = {result.reader: result.outcome for result in results if result.variant.endswith("bad")}
    assert found == {name: outcome for name, (_, _, outcome) in BEHAVIOUR.items()}


def test_an_unchanged_file_is_read_as_before(results):
    same = [result.outcome for result in results if result.variant.endswith("the same")]
    assert same == [Outcome.EQUAL] * len(BEHAVIOUR)


def test_the_table_counts_all_and_complaints_name_what_is_bad(results):
    *_, last = table(results).splitlines()
    assert last.split()[-1] == str(len(results))
    text = complaints(results)
    assert "silent: accepts: input.txt: bad" in text
    assert "SIGSEGV" in text
    assert "KeyError" in text
    assert "warns" not in text
