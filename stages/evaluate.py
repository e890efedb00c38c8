"""Predictions -> metrics and plot data."""

import json
from pathlib import Path
from typing import Any

import click

from pipeline.annotations.model import AnnotationSet
from pipeline.annotations.results import read_results
from pipeline.evaluation.judgement import Judgement
from pipeline.evaluation.registry import EVALUATIONS, Answers, with_baselines
from pipeline.grid.baselines import baseline_files
from pipeline.parameters import Parameters
from stages.common import stage


@stage
@click.option("--task", type=click.Choice(list(EVALUATIONS)), default="segmentation", help="What is evaluated.")
@click.option("--annotations", default="data/annotations/val.json", type=click.Path(path_type=Path), help="File read.")
@click.option("--detections", default="data/detections/val.json", type=click.Path(path_type=Path), help="File read.")
@click.option("--predictions", default="data/predictions", type=click.Path(path_type=Path), help="Folder read.")
@click.option("--metrics", default="metrics", type=click.Path(path_type=Path), help="Folder written.")
@click.option("--plots", default="plots", type=click.Path(path_type=Path), help="Folder written.")
def main(
    params: Parameters, task: str, annotations: Path, detections: Path, predictions: Path, metrics: Path, plots: Path
) -> None:
    """Judge the predictions, and beside them the baselines -> metrics/<task>.json and plots/<task>."""
    truth = AnnotationSet.load(annotations)
    evaluation = EVALUATIONS[task]
    boxes = read_results(detections, truth, "boxes", "`dvc repro detect` writes it")

    def judge(found: Path, given: Path) -> Judgement:
        remedy = "`dvc repro predict` writes it"
        answers = Answers(
            read_results(found, truth, evaluation.detections, remedy),
            read_results(given, truth, evaluation.ground_truth_boxes, remedy),
            boxes,
        )
        return evaluation.judge(truth, answers, params)

    judged = judge(predictions / f"{task}.json", predictions / f"{task}_ground_truth.json")
    baselines = {
        name: judge(path, path.with_name(f"{name}_ground_truth.json"))
        for name, path in baseline_files(predictions / f"{task}_baselines", ".json").items()
    }
    for name, rows in judged.plots.items():
        _write(plots / task / f"{name}.json", rows)
    _write(metrics / f"{task}.json", with_baselines(judged.metrics, baselines))
    _write(metrics / f"{task}_summary.json", judged.summary)
    click.echo(judged.table)
    for name, baseline in baselines.items():
        shown = ", ".join(f"{key} {value}" for key, value in baseline.summary.items())
        click.echo(f"baseline {name}: {shown}")


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
