"""How much the benchmarks measure: little by default, so that all take a few minutes on two cores."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Sizes of the benchmarks; the command line has an option for each."""

    repeats: int = 5
    """Rounds of paired measurements; their median counts."""
    annotations: int = 100_000
    """Annotations in the larger COCO file; train2017 has 860,001."""
    photographs: int = 12
    """Drawn scenes that regions are cut from."""
    store_regions: int = 512
    """Regions in the store of each network."""
    extraction_regions: int = 384
    """Regions that are extracted."""
    additions_photographs: int = 420
    """Drawn scenes, a twenty-first of which are new."""
    segmented_photographs: int = 12
    """Drawn scenes that a trained model is applied to."""
    scoring_regions: int = 16
    """Regions that are scored."""
    training_regions: int = 128
    """Regions that the pipeline and the straightforward script train on."""
    growth_regions: int = 320
    """Regions of the smallest of the three stores; the others have 4 and 16 times as many."""
    peer_regions: int = 64
    """Regions that the peers process."""


TINY = Sizes(1, 40, 2, 4, 4, 2, 2, 2, 12, 4, 4)
"""Sizes for tests that only check whether everything runs."""
