"""Finished pipelines that several folders of tests use; they are read only."""

import pytest

from tests.trained_projects import TrainedProject, train_project


@pytest.fixture(scope="session")
def warped(tmp_path_factory: pytest.TempPathFactory) -> TrainedProject:
    """Regions are warped before the network, and masks lean on superpixels."""
    return train_project(tmp_path_factory.mktemp("warped"), "warp")


@pytest.fixture(scope="session")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> TrainedProject:
    """The network sees whole photographs, from whose maps regions are cut."""
    return train_project(tmp_path_factory.mktemp("pooled"), "image")
