"""The resources for Kubernetes are what the operator of dask-kubernetes accepts, and start what the package expects."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dask.utils import parse_bytes
from jsonschema import Draft202012Validator

from hypercolumns.cluster.workers import WORKER_ENVIRONMENT
from tests.documents import ROOT

FOLDER = ROOT / "deploy/kubernetes"
RESOURCES = {
    f"{file.name}:{resource['kind']}": resource
    for file in sorted(FOLDER.glob("*.yaml"))
    for resource in yaml.safe_load_all(file.read_text())
}


def operator_schemas() -> dict[str, dict[str, Any]]:
    """The schema of each kind of resource, from the definitions that install the operator; skip without them.

    The package is not imported, since that needs a client of Kubernetes.
    """
    found = importlib.util.find_spec("dask_kubernetes")
    if found is None or not found.submodule_search_locations:
        pytest.skip("dask-kubernetes is not installed: pip install --no-deps dask-kubernetes")
    files = sorted(Path(found.submodule_search_locations[0]).glob("operator/deployment/helm/*/crds/*.yaml"))
    assert files, "dask-kubernetes keeps its definitions elsewhere now"
    definitions = [yaml.safe_load(file.read_text())["spec"] for file in files]
    return {d["names"]["kind"]: closed(d["versions"][0]["schema"]["openAPIV3Schema"]) for d in definitions}


def closed(schema: Any) -> Any:
    """The schema, refusing keys that it does not name; Kubernetes drops them in silence."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    # Not where `properties` is the name of a property.
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        made.setdefault("additionalProperties", False)
    return made


def body(resource: dict[str, Any]) -> dict[str, Any]:
    """What the schema of a custom resource describes: all but what every resource has."""
    return {key: value for key, value in resource.items() if key not in ("apiVersion", "kind", "metadata")}


def containers(content: Any) -> Iterator[dict[str, Any]]:
    """All containers in a resource."""
    if isinstance(content, dict):
        yield from content.get("containers", [])
        content = list(content.values())
    if isinstance(content, list):
        for item in content:
            yield from containers(item)


def workers() -> dict[str, dict[str, Any]]:
    named = {name: list(containers(resource)) for name, resource in RESOURCES.items()}
    return {name: c for name, found in named.items() for c in found if c["name"] == "worker"}


@pytest.mark.parametrize("kind", ["DaskCluster", "DaskWorkerGroup"])
def test_the_operator_accepts_the_resources(kind: str) -> None:
    validator = Draft202012Validator(operator_schemas()[kind])
    resources = [resource for resource in RESOURCES.values() if resource["kind"] == kind]
    assert resources
    for resource in resources:
        assert resource["apiVersion"] == "kubernetes.dask.org/v1"
        assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body(resource))] == []


def test_a_misspelt_key_is_not_accepted() -> None:
    """The check above can fail."""
    validator = Draft202012Validator(operator_schemas()["DaskCluster"])
    resource = yaml.safe_load(yaml.safe_dump(RESOURCES["cluster.yaml:DaskCluster"]))
    container = resource["spec"]["worker"]["spec"]["containers"][0]
    container["volumeMount"] = container.pop("volumeMounts")
    assert not validator.is_valid(body(resource))


def test_workers_have_the_environment_of_local_workers() -> None:
    settings = RESOURCES["cluster.yaml:ConfigMap"]
    assert settings["data"] == WORKER_ENVIRONMENT
    assert len(workers()) == 2
    for name, container in workers().items():
        sources = [source["configMapRef"]["name"] for source in container["envFrom"] if "configMapRef" in source]
        assert sources == [settings["metadata"]["name"]], name


def test_workers_have_one_thread_and_the_memory_of_their_pod() -> None:
    for name, container in workers().items():
        arguments = container["args"]
        assert arguments[arguments.index("--nthreads") + 1] == "1", name
        limit = parse_bytes(arguments[arguments.index("--memory-limit") + 1])
        processes = int(arguments[arguments.index("--nworkers") + 1]) if "--nworkers" in arguments else 1
        assert processes * limit == parse_bytes(f"{container['resources']['limits']['memory']}B"), name


def test_workers_with_a_gpu_and_no_others_declare_it() -> None:
    for name, container in workers().items():
        has_gpu = "nvidia.com/gpu" in container["resources"]["limits"]
        assert has_gpu == ("GPU=1" in container["args"]), name


def test_the_commands_are_those_of_dask() -> None:
    """`dask worker` and `dask scheduler`, with options that they have."""
    from click import Command
    from distributed.cli import dask_scheduler, dask_worker

    commands: dict[str, Command] = {"worker": dask_worker.main, "scheduler": dask_scheduler.main}
    started = [c["args"] for resource in RESOURCES.values() for c in containers(resource) if "args" in c]
    assert len(started) == 3
    for program, command, *arguments in started:
        assert program == "dask"
        known = {name for option in commands[command].params for name in (*option.opts, *option.secondary_opts)}
        assert {argument for argument in arguments if argument.startswith("--")} <= known


def test_all_pods_run_the_same_image_and_share_the_folder_at_the_same_path() -> None:
    """Client and workers; the scheduler reads no files."""
    pods = [c for resource in RESOURCES.values() for c in containers(resource)]
    assert len({container["image"] for container in pods}) == 1
    mounts = [container["volumeMounts"] for container in pods if container["name"] != "scheduler"]
    assert mounts == [[{"name": "project", "mountPath": "/project"}]] * 3


def test_the_image_is_made_of_files_that_exist() -> None:
    copied = re.findall(r"^COPY (.*) \S+$", (ROOT / "deploy/Dockerfile").read_text(), flags=re.MULTILINE)
    files = [name for names in copied for name in names.split()]
    assert "pipeline" in files
    assert all((ROOT / name).exists() for name in files)
