"""Running a stage in an empty folder."""

from importlib import import_module

import pytest
import yaml
from click.testing import CliRunner


@pytest.fixture
def run_stage(tmp_path, monkeypatch):
    """Run a stage with the given data set section, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(stage, dataset, *options, tasks=("segmentation",), **sections):
        content = {"tasks": list(tasks), "dataset": dataset} | sections
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
        return CliRunner().invoke(import_module(f"stages.{stage}").main, list(options))

    return run
