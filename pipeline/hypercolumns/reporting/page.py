"""Build the page from the files that the steps wrote; a note takes the place of each missing file."""

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.result_fields import ResultField
from hypercolumns.features.store import FeatureStore
from hypercolumns.parameters import Parameters
from hypercolumns.reporting import headline, sources, tables
from hypercolumns.reporting.headline import MISSING, OVERLAP_DIGITS, POINT_DIGITS, format_number
from hypercolumns.reporting.section import ReportSection, SectionInputs
from hypercolumns.reporting.seen_regions import see_regions
from hypercolumns.workspace import SPLITS, Workspace

_DETECTIONS = {
    "own": "detections of this pipeline",
    "file": "detections from a file",
    "ground_truth": "ground-truth boxes in place of detections",
}
"""Source of the detections in words, by `detection.source`."""


def build_page(
    workspace: Workspace, parameters: Parameters, tasks: Mapping[str, tuple[ResultField, ReportSection]]
) -> str:
    """Build the page of some tasks, with their answers and sections, as HTML that contains its styles and pictures.

    Missing files are not an error: the page names the step that writes each of them.

    Raises
    ------
    InputError
        If a file exists but is malformed.
    """
    train, val = (AnnotationSet.load(p) if p.exists() else None for p in map(workspace.annotations, SPLITS))
    ablation = sources.read_ablation(workspace.metric("ablation"))
    detections = _DETECTIONS[parameters.detection.source]
    environment = create_environment()
    proposals = sources.read_metrics(workspace.metric("proposals"), sources.PROPOSALS)
    bodies, links, measured, judged = [], [], [], []
    for name, (result_field, section) in tasks.items():
        inputs = SectionInputs(name, result_field, workspace, parameters, val, detections)
        content = section.content(inputs)
        template = environment.get_template(section.template)
        # Safe: the template escapes all values.
        bodies.append(Markup(template.render(vars(inputs) | content, proposals=proposals)))  # noqa: S704
        links += [(anchor, title) for anchor, title in section.links if anchor in content["shown"]]
        metrics = content["metrics"]
        if metrics is not None:
            measured.append((name, section.columns, metrics))
        if metrics is None or any(metrics[column.key] is not None for column in section.columns):
            judged.append(section)
    features = workspace.features("val")
    return environment.get_template("report.html.jinja").render(
        workspace=workspace,
        parameters=parameters,
        proposals=proposals,
        description=next((s.description for s in (val, train) if s is not None), ""),
        train=train,
        val=val,
        seen=see_regions(FeatureStore.open(features), val) if val is not None and features.exists() else None,
        dataset=tables.dataset_rows(train, val),
        headline=headline.groups(measured, detections),
        unmeasured=[name for name in tasks if name not in {task for task, *_ in measured}],
        links=links,
        bodies=bodies,
        glossary=[
            (term, text.format(tolerance=parameters.evaluate.apk_tolerance))
            for section in judged
            for term, text in section.glossary
        ],
        judged=judged,
        ablation=tables.ablation_table(ablation, parameters.train.grid) if ablation else None,
        ablation_missing=ablation is None,
        # The page must not change with `compute`, which changes no result.
        parameter_sections=tables.parameter_sections(parameters.model_dump(mode="json", exclude={"compute"})),
    )


def create_environment() -> Environment:
    """Create the environment of all templates, with their filters."""
    environment = Environment(
        loader=PackageLoader("hypercolumns.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "points": lambda value: format_number(value, POINT_DIGITS),
        "overlap": lambda value: format_number(value, OVERLAP_DIGITS),
        "gain": lambda value, other: f"{value - other:+.{OVERLAP_DIGITS}f}".replace("-", "\N{MINUS SIGN}"),
        "percent": lambda value: MISSING if value is None else f"{100 * value:.1f} %",
        "rgb": lambda colour: "rgb({} {} {})".format(*colour),
        "thousands": lambda value: f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}"),
        "words": lambda key: key.replace("_", " "),
    }
    return environment
