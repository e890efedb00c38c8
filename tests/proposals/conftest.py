"""A small photograph and the results of each step from it to candidates."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hypercolumns.parameters import ProposalParameters
from hypercolumns.proposals.candidates import Candidates, compose
from hypercolumns.proposals.superpixels import Superpixels, describe, segment
from hypercolumns.proposals.trees import Tree, build
from tests.proposals.scenes_for_proposals import draw


@pytest.fixture(scope="session")
def settings() -> ProposalParameters:
    """Settings that suit small photographs."""
    return ProposalParameters(superpixel_scale=20.0, superpixel_minimum=15, minimum_area=40, max_per_image=60)


@pytest.fixture(scope="session")
def image() -> NDArray[np.uint8]:
    """RGB (80, 100, 3) with two figures."""
    return draw(0)[0]


@pytest.fixture(scope="session")
def superpixels(image: NDArray[np.uint8], settings: ProposalParameters) -> Superpixels:
    """Superpixels of the photograph."""
    return describe(image, segment(image, settings))


@pytest.fixture(scope="session")
def trees(superpixels: Superpixels) -> list[Tree]:
    """Trees over the superpixels."""
    return build(superpixels)


@pytest.fixture(scope="session")
def candidates(superpixels: Superpixels, trees: list[Tree], settings: ProposalParameters) -> Candidates:
    """Candidates composed from the trees."""
    return compose(superpixels, trees, settings.minimum_area)
