"""No damage to a file from outside ends in a traceback, a hang, much memory, or in a silent misreading."""

import pytest

from tests.mutations.catalogue import GROUPS
from tests.mutations.harness import GOOD, all_variants, chosen
from tests.mutations.processes import judge_all
from tests.mutations.table import complaints, table


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_every_variant_is_refused_left_out_or_read_as_it_should_be(group):
    """The counts are printed: `pytest -rP tests/mutations`, or `python -m tests.mutations`."""
    names = [variant.name for variant in chosen(all_variants(GROUPS[group]))]
    results = judge_all(names, "tests.mutations.catalogue")
    print(table(results))
    assert all(result.outcome in GOOD for result in results), complaints(results)
