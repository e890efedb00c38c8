"""Predictions -> metrics and plot data."""

import json
from pathlib import Path
from typing import Any

import click

from pipeline.annotations.model import AnnotationSet
from pipeline.annotations.results import read_results
from pipeline.evaluation.plots import category_rows, precision_recall_rows
from pipeline.evaluation.segmentation import HALF, STRICT, evaluate_segmentation
from pipeline.parameters import Parameters
from stages.common import stage


@stage
@click.option("--task", type=click.Choice(["segmentation"]), default="segmentation", help="What is evaluated.")
@click.option("--annotations", default="data/annotations/val.json", type=click.Path(path_type=Path), help="File read.")
@click.option("--detections", default="data/detections/val.json", type=click.Path(path_type=Path), help="File read.")
@click.option("--predictions", default="data/predictions", type=click.Path(path_type=Path), help="Folder read.")
@click.option("--metrics", default="metrics", type=click.Path(path_type=Path), help="Folder written.")
@click.option("--plots", default="plots", type=click.Path(path_type=Path), help="Folder written.")
def main(
    params: Parameters, task: str, annotations: Path, detections: Path, predictions: Path, metrics: Path, plots: Path
) -> None:
    """Judge the predictions: average precision and overlaps -> metrics/<task>.json and plots/."""
    truth = AnnotationSet.load(annotations)
    evaluation = evaluate_segmentation(
        truth,
        read_results(predictions / f"{task}.json", truth, "masks", "`dvc repro predict` writes it"),
        read_results(detections, truth, "boxes", "`dvc repro detect` writes it"),
        read_results(predictions / f"{task}_ground_truth.json", truth, "ground_truth", "`dvc repro predict` writes it"),
        params.evaluate,
        params.regions.expansion,
    )
    _write(plots / f"{task}_pr_50.json", precision_recall_rows(truth, evaluation.matches, HALF))
    _write(plots / f"{task}_pr_70.json", precision_recall_rows(truth, evaluation.matches, STRICT))
    _write(plots / f"{task}_categories.json", category_rows(evaluation.metrics["per_category"]))
    _write(metrics / f"{task}.json", _rounded(evaluation.metrics))
    _write(metrics / f"{task}_summary.json", _rounded(_summary(evaluation.metrics)))
    click.echo(_table(evaluation.metrics))


def _summary(metrics: dict[str, Any]) -> dict[str, Any]:
    """The headline, for `dvc metrics show` and `diff`: everything else would be a table of a hundred columns."""
    headline = {name: metrics[name] for name in ("ap_r_50", "ap_r_70", "ap_r_vol", "box_ap_50")}
    return headline | {name: metrics["ground_truth_boxes"][name] for name in ("mean_iou", "iou_50", "iou_70")}


def _table(metrics: dict[str, Any]) -> str:
    """The metrics as text: one line per category, the overall line last."""
    rows = [*metrics["per_category"].items(), ("all", metrics)]
    width = max(len(name) for name, _ in rows)
    columns = {"AP^r .5": 8, "AP^r .7": 8, "AP^r vol": 9, "box AP .5": 10, "mask IoU": 9, "> .5": 6, "> .7": 6}
    columns |= {"instances": 10, "detections": 11}
    lines = [f"{'':{width}}  " + "".join(f"{title:>{space}}" for title, space in columns.items())]
    for name, m in rows:
        boxes = m["ground_truth_boxes"]
        lines.append(
            f"{name:{width}}  {_number(m['ap_r_50'], 1):>8}{_number(m['ap_r_70'], 1):>8}{_number(m['ap_r_vol'], 1):>9}"
            f"{_number(m['box_ap_50'], 1):>10}{_number(boxes['mean_iou'], 3):>9}{_number(boxes['iou_50'], 2):>6}"
            f"{_number(boxes['iou_70'], 2):>6}{m['positives']:>10}{m['detections']:>11}"
        )
    lines.append("AP of own detections in points; mask IoU and the shares above .5 and .7 with ground-truth boxes.")
    return "\n".join(lines)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _rounded(content: Any) -> Any:
    """Four decimals: more would only make files differ for nothing."""
    if isinstance(content, dict):
        return {key: _rounded(value) for key, value in content.items()}
    return round(content, 4) if isinstance(content, float) else content


def _write(path: Path, content: Any) -> None:
    """JSON; of a list one row per line, so that changes of plot data read well in git."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, list):
        text = "[\n" + ",\n".join(json.dumps(row, allow_nan=False) for row in content) + "\n]"
    else:
        text = json.dumps(content, indent=1, allow_nan=False)
    path.write_text(text + "\n")


if __name__ == "__main__":
    main()
