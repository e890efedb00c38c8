"""Where the steps of the pipeline keep their files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Split = Literal["train", "val"]

SPLITS: tuple[Split, ...] = ("train", "val")


@dataclass(frozen=True)
class Workspace:
    """The folders that the steps read and write, and what each file in them is called.

    Paths are relative to the current directory, as `dvc.yaml` names them; `Workspace.at` puts them elsewhere.

    Examples
    --------
    >>> Workspace.at("runs/one").features("val").as_posix()
    'runs/one/data/features/val.zarr'
    """

    data: Path = Path("data")
    """Annotations, proposals, detections, features, models and predictions, each in a folder of its own."""
    metrics: Path = Path("metrics")
    plots: Path = Path("plots")
    reports: Path = Path("reports")
    scratch: Path = Path(".scratch")
    """Unfinished work, from which an interrupted step goes on."""

    @classmethod
    def at(cls, root: Path | str) -> "Workspace":
        """The workspace with the usual folders below `root`."""
        folder = Path(root)
        return cls(folder / "data", folder / "metrics", folder / "plots", folder / "reports", folder / ".scratch")

    @property
    def images(self) -> Path:
        """The folder of the pictures that `prepare` draws."""
        return self.data / "images"

    def annotations(self, split: Split) -> Path:
        return self.data / "annotations" / f"{split}.json"

    def proposals(self, split: Split) -> Path:
        return self.data / "proposals" / f"{split}.zarr"

    @property
    def detections(self) -> Path:
        """The boxes found in val."""
        return self.data / "detections" / "val.json"

    def features(self, split: Split) -> Path:
        return self.data / "features" / f"{split}.zarr"

    def model(self, task: str) -> Path:
        return self.data / "models" / f"{task}.zarr"

    def predictions(self, task: str) -> Path:
        """Answers in the boxes of detections."""
        return self.data / "predictions" / f"{task}.json"

    def ground_truth_predictions(self, task: str) -> Path:
        """Answers in the boxes of annotated instances."""
        return self.data / "predictions" / f"{task}_ground_truth.json"

    def heat_maps(self, task: str) -> Path:
        """Heat maps in the boxes of annotated instances."""
        return self.data / "predictions" / f"{task}_heat_maps.zarr"

    def baselines(self, task: str) -> Path:
        """The folder of the baselines' answers: `<name>.json` and `<name>_ground_truth.json` of each."""
        return self.data / "predictions" / f"{task}_baselines"

    def metric(self, name: str) -> Path:
        return self.metrics / f"{name}.json"

    def plot(self, task: str, name: str) -> Path:
        """Rows that DVC and the report draw."""
        return self.plots / task / f"{name}.json"

    @property
    def report(self) -> Path:
        return self.reports / "index.html"
