"""Judge variants and print the counts: `python -m tests.mutations [GROUP...]`.

`MUTATIONS=30 python -m tests.mutations` judges all variants instead of a sample, with 30 draws of each random change.
"""

import sys

from tests.mutations.catalogue import GROUPS
from tests.mutations.harness import all_variants, chosen
from tests.mutations.processes import judge_all
from tests.mutations.table import complaints, table

if __name__ == "__main__":
    groups = sys.argv[1:] or list(GROUPS)
    if unknown := set(groups) - set(GROUPS):
        sys.exit(f"{', '.join(sorted(unknown))}: choose from {', '.join(GROUPS)}.")
    variants = chosen(all_variants(reader for group in groups for reader in GROUPS[group]))
    results = judge_all([variant.name for variant in variants], "tests.mutations.catalogue")
    print(table(results))
    slowest = max(results, key=lambda result: result.seconds)
    print(f"The slowest, {slowest.variant}, took {slowest.seconds:.1f} s.")
    sys.exit(complaints(results) or 0)
