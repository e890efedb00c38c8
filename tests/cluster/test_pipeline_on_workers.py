"""All steps on workers that share a folder, or an object store alone, with the client: the bytes of one process."""

from pathlib import Path

import pytest
import yaml

from hypercolumns import Parameters, Workspace, steps
from hypercolumns.cluster.connection import connect
from hypercolumns.parameters import ComputeParameters
from hypercolumns.places.place import place_at
from hypercolumns.scratch.shared import SCRATCH
from tests.cluster.processes import cluster
from tests.object_store.server import S3Server
from tests.trained_projects import PARAMETERS, TASKS, run_to_features

FORBID = """
import os, sys

def forbid(event, arguments):
    uses_path = event in ("open", "os.listdir", "os.scandir", "os.mkdir", "os.rename")
    if uses_path and isinstance(arguments[0], (str, bytes)):
        if os.path.abspath(os.fsdecode(arguments[0])).startswith({folder!r}):
            raise PermissionError(f"a worker uses {{arguments[0]!r}}")

sys.addaudithook(forbid)
"""
"""Ends a task of a worker that touches the folder of the client."""


def run(folder: Path, compute: dict[str, object]) -> dict[str, bytes]:
    """Run all steps in a folder; return the files of models, predictions, metrics and plots."""
    folder.mkdir()
    content = PARAMETERS | {"compute": {"device": "cpu", **compute}, "regions": {"minimum_area": 30, "mirrored": True}}
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    parameters, workspace = Parameters.load(folder / "params.yaml"), Workspace.at(folder)
    run_to_features(parameters, workspace)
    steps.ablate_layers(parameters, workspace)
    for task in TASKS:
        steps.train_task(parameters, workspace, task)
        steps.predict_task(parameters, workspace, task)
        steps.predict_baselines(parameters, workspace, task)
        steps.evaluate_task(parameters, workspace, task)
    outputs = [folder / name for name in ("data/models", "data/predictions", "data/detections", "metrics", "plots")]
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for output in outputs
        for file in sorted(output.rglob("*"))
        if file.is_file()
    }


@pytest.mark.slow
def test_every_step_on_workers_gives_the_bytes_of_one_process(
    s3: S3Server, bucket: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(tmp_path / "one", {"workers": 1})
    assert len(expected) > 30
    with cluster(tmp_path / "elsewhere", 2, s3.environment) as address:
        assert run(tmp_path / "folder", {"scheduler": address}) == expected
        client_folder = tmp_path / "store"
        with connect(ComputeParameters(scheduler=address)) as client:
            client.run(exec, FORBID.format(folder=str(client_folder)))
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        storage = f"{bucket.url}/runs"
        assert run(client_folder, {"scheduler": address, "storage": storage}) == expected
    left = place_at(storage).below(SCRATCH).sizes()
    assert not {name for name in left if name.split("/")[0] in ("train", "predict")}
