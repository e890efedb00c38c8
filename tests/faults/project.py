"""A tiny project: its stages, an undisturbed run of all of them, and copies of it."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import yaml

from hypercolumns.parameters import Parameters
from hypercolumns.parameters.text import as_yaml
from tests.documents import ROOT
from tests.faults.processes import Child, Ended

PARAMETERS = {
    "tasks": ["segmentation"],
    "dataset": {"puppets": {"train_images": 16, "val_images": 8, "width": 160, "height": 128}},
    "proposals": {"max_per_image": 100},
    "backbone": {"weights": "random", "layers": ["stage1", "stage4", "pooled"], "input_size": 64},
    "detection": {"short_side": 128, "layers": ["stage4"], "max_per_image": 10, "training_regions": 1000},
    "rescoring": {"boxes_per_image": 8, "input_size": 64, "background_per_image": 8},
    "regions": {"minimum_area": 30, "jittered_per_instance": 3, "short_side": 64},
    "train": {"grid": 3, "heat_map": 20},
    "segmentation": {"baselines": True},
    "predict": {"superpixels": 1},
    "ablate": {"grid": 2, "grids": [1, 2]},
    "compute": {"workers": 1, "batch_size": 16, "device": "cpu"},
}


@dataclass(frozen=True)
class Stage:
    """A stage of `dvc.yaml`, for the task segmentation."""

    name: str
    image: bool = False
    """Whether features are cut out of the maps of whole photographs."""

    @property
    def title(self) -> str:
        """Name in tables."""
        return f"{self.name}, image" if self.image else self.name

    @property
    def arguments(self) -> list[str]:
        """Arguments of `python -m stages`."""
        command = _definition(self.name)["cmd"].replace("${item.task}", "segmentation").split()
        return [*command[3:], *(["--params", "image.yaml"] if self.image else [])]

    @property
    def outs(self) -> list[str]:
        """Files and folders that it writes."""
        listed = [*_definition(self.name).get("outs", []), *_definition(self.name).get("metrics", [])]
        names = [out if isinstance(out, str) else next(iter(out)) for out in listed]
        return [name.replace("${item.task}", "segmentation") for name in names]

    def __call__(self) -> None:
        """Run it in the current folder, as `python -m stages` does."""
        module, *arguments = self.arguments
        import_module(f"stages.{module}").main(arguments)


LONG = (
    Stage("propose"),
    Stage("detector"),
    Stage("rescorer"),
    Stage("detect"),
    Stage("extract-train"),
    Stage("extract-train", image=True),
    Stage("extract-val"),
    Stage("extract-val", image=True),
    Stage("train"),
    Stage("predict"),
    Stage("baselines"),
    Stage("ablate"),
)
"""The stages that take long on real data, in order."""


class Project:
    """Copies of the results of an undisturbed run.

    Parameters
    ----------
    folder
        Empty folder for everything.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.undisturbed: dict[Stage, Ended] = {}
        (folder / "warp").mkdir()
        for name, mode in (("params", "warp"), ("image", "image")):
            regions = {**PARAMETERS["regions"], "mode": mode}  # type: ignore[dict-item]
            parameters = Parameters.model_validate({**PARAMETERS, "regions": regions})
            (folder / "warp" / f"{name}.yaml").write_text(as_yaml(parameters))
        self._run(Stage("prepare"), folder / "warp")
        for stage in LONG:
            if not stage.image:
                self._run(stage, folder / "warp")
        self._copy(folder / "warp", folder / "image")
        shutil.rmtree(folder / "image/.scratch")
        for stage in LONG:
            if stage.image:
                self._run(stage, folder / "image")

    def reference(self, stage: Stage) -> Path:
        """Folder of the undisturbed run."""
        return self.folder / ("image" if stage.image else "warp")

    @contextmanager
    def copy(self, stage: Stage, *, finished: bool = False, template: Path | None = None) -> Iterator[Path]:
        """Yield a copy of the project, without the results and the scratch folder of `stage` unless it is finished."""
        path = self.folder / "copy"
        shutil.rmtree(path, ignore_errors=True)
        self._copy(template or self.reference(stage), path)
        if not finished and template is None:
            shutil.rmtree(path / ".scratch", ignore_errors=True)
            self.remove(stage, path)
        yield path

    def keep(self, path: Path, name: str) -> Path:
        """Make a template of a copy."""
        template = self.folder / name
        self._copy(path, template)
        return template

    @staticmethod
    def remove(stage: Stage, path: Path) -> None:
        """Remove the results of a stage."""
        for out in stage.outs:
            if (path / out).is_dir():
                shutil.rmtree(path / out)
            else:
                (path / out).unlink(missing_ok=True)

    def start(self, stage: Stage, path: Path, log: str = "run", **variables: str) -> Child:
        """Start a stage in a copy."""
        return Child.begin(stage, path, self.folder / f"{log}.log", **variables)

    def run(self, stage: Stage, path: Path) -> Ended:
        """Run a stage in a copy."""
        return self.start(stage, path).wait()

    def difference(self, stage: Stage, path: Path) -> str:
        """Say which results of a stage differ from those of the undisturbed run; empty if they are equal."""
        return compare(self.reference(stage), path, stage.outs)

    def _run(self, stage: Stage, path: Path) -> None:
        ended = self.run(stage, path)
        if ended.code != 0:
            raise RuntimeError(f"the undisturbed run of {stage.title} failed:\n{ended.output[-3000:]}")
        if stage in LONG and not any(event.kind == "unit" for event in ended.events):
            raise RuntimeError(f"no unit of work was counted in {stage.title}; see `instruments`")
        self.undisturbed[stage] = ended

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        """Copy with times and hard links, which `.scratch` and the results share."""
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)  # noqa: S603, S607


def change_compute(file: Path, **values: object) -> None:
    """Change values of `compute` in a parameter file."""
    parameters = Parameters.load(file)
    compute = parameters.compute.model_copy(update=values)
    file.write_text(as_yaml(parameters.model_copy(update={"compute": compute})))


def compare(one: Path, two: Path, names: Sequence[str]) -> str:
    """Say which files of two folders differ; empty if none does."""
    first, second = (read_files(root, names) for root in (one, two))
    missing, further = sorted(first.keys() - second.keys()), sorted(second.keys() - first.keys())
    changed = sorted(name for name in first.keys() & second.keys() if first[name] != second[name])
    found = {"missing": missing, "further": further, "changed": changed}
    return "; ".join(f"{what}: {', '.join(files[:3])} ({len(files)})" for what, files in found.items() if files)


def read_files(root: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Bytes of the files of that name and in folders of that name, by path below `root`."""
    paths = [root / name for name in names]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in files}


def _definition(name: str) -> dict:  # type: ignore[type-arg]
    return yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][name]
