"""The files that the steps of the pipeline read and write."""

import shutil
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal

Split = Literal["train", "val"]

SPLITS: tuple[Split, ...] = ("train", "val")


@dataclass(frozen=True)
class Workspace:
    """Folders and file names that the steps share.

    The default paths are relative to the current directory; `Workspace.at` puts them below another folder.

    Examples
    --------
    >>> Workspace.at("runs/one").features("val").as_posix()
    'runs/one/data/features/val.zarr'
    """

    data: Path = Path("data")
    """Annotations, proposals, detections, features, models and predictions, one folder for each."""
    metrics: Path = Path("metrics")
    plots: Path = Path("plots")
    reports: Path = Path("reports")
    scratch: Path = Path(".scratch")
    """Unfinished work, and what later runs take over; may be deleted while nothing runs."""

    @classmethod
    def at(cls, root: Path | str) -> "Workspace":
        """Create a workspace with the default folders below `root`."""
        return cls(*(root / folder for folder in astuple(cls())))

    @property
    def images(self) -> Path:
        """Folder of the photographs that `prepare` draws for the built-in data set."""
        return self.data / "images"

    def check(self, name: str) -> Path:
        """File that says that a check has passed."""
        return self.data / "checks" / f"{name}.txt"

    def annotations(self, split: Split) -> Path:
        """COCO JSON with the annotations of a split."""
        return self.data / "annotations" / f"{split}.json"

    def proposals(self, split: Split) -> Path:
        """Store of the region proposals of a split."""
        return self.data / "proposals" / f"{split}.zarr"

    @property
    def detections(self) -> Path:
        """COCO results with the boxes detected in val."""
        return self.data / "detections" / "val.json"

    @property
    def detector(self) -> Path:
        """Store of the trained detector."""
        return self.data / "detections" / "detector.zarr"

    @property
    def rescorer(self) -> Path:
        """Store of the trained second step of detection."""
        return self.data / "detections" / "rescorer.zarr"

    def features(self, split: Split) -> Path:
        """Feature store of a split."""
        return self.data / "features" / f"{split}.zarr"

    def model(self, task: str) -> Path:
        """Store of the trained grids of a task."""
        return self.data / "models" / f"{task}.zarr"

    @property
    def bundle(self) -> Path:
        """The trained models of all tasks as one folder that can be carried away."""
        return self.data / "model"

    @property
    def bundle_archive(self) -> Path:
        """The same as one file."""
        return self.data / "model.zip"

    def predictions(self, task: str) -> Path:
        """COCO results with the predictions of a task in detected boxes."""
        return self.data / "predictions" / f"{task}.json"

    def ground_truth_predictions(self, task: str) -> Path:
        """COCO results with the predictions of a task in ground-truth boxes."""
        return self.data / "predictions" / f"{task}_ground_truth.json"

    def heat_maps(self, task: str) -> Path:
        """Heat maps of a task in ground-truth boxes."""
        return self.data / "predictions" / f"{task}_heat_maps.zarr"

    def baselines(self, task: str) -> Path:
        """Folder with the predictions of the baselines: `<name>.json` and `<name>_ground_truth.json` for each."""
        return self.data / "predictions" / f"{task}_baselines"

    def metric(self, name: str) -> Path:
        """JSON with metrics, such as those of a task."""
        return self.metrics / f"{name}.json"

    def plot(self, task: str, name: str) -> Path:
        """JSON with the rows of a plot of a task."""
        return self.plots / task / f"{name}.json"

    def remove_evaluation(self, task: str) -> None:
        """Delete the metrics and plot data of a task."""
        for name in (task, f"{task}_summary"):
            self.metric(name).unlink(missing_ok=True)
        shutil.rmtree(self.plots / task, ignore_errors=True)

    @property
    def report(self) -> Path:
        """The page of results."""
        return self.reports / "index.html"
