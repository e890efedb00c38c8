"""How much is measured: small by default, so that everything takes a few minutes on two cores."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Sizes of the benchmarks; the command line has an option for each."""

    repeats: int = 5
    """Rounds of paired measurements, of which the median counts."""
    photographs: int = 12
    """Drawn scenes that regions are cut from."""
    store_regions: int = 128
    """Regions of each network's store."""
    extraction_regions: int = 384
    """Regions extracted."""
    scoring_regions: int = 16
    """Regions scored."""
    training_regions: int = 128
    """Regions trained on, beside the straightforward script."""
    growth_regions: int = 320
    """Regions of the smallest of the three stores; the others have 4 and 16 times as many."""
    peer_regions: int = 64
    """Regions that the peers see."""


TINY = Sizes(1, 2, 4, 4, 2, 12, 4, 4)
"""For tests that only ask whether everything runs."""
