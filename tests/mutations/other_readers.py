"""Readers of results, also with the COCO file that they are about, and of parameters."""

from pathlib import Path

import yaml

from hypercolumns.annotations.result_fields import MASK
from hypercolumns.annotations.results import read_results
from hypercolumns.detection import results
from hypercolumns.parameters import Parameters
from hypercolumns.results.predictions import read_predictions
from tests.mutations import inputs
from tests.mutations.harness import Reader, Reading
from tests.mutations.of_bytes import NO_CHECKSUM, byte_mutations
from tests.mutations.of_json import Path as Field
from tests.mutations.of_json import document_mutations, field_mutations
from tests.mutations.of_paths import path_mutations
from tests.mutations.of_yaml import yaml_mutations

_USED = ("image_id", "category_id", "score", "segmentation")


def _read_detections(root: Path) -> Reading:
    return Reading(results.from_file(root / "results.json", inputs.RESULTS_FOR, 100))


def _read_results(root: Path) -> Reading:
    entries = read_results(root / "results.json", inputs.RESULTS_FOR, MASK)
    return Reading([{key: entry.get(key) for key in _USED} for entry in entries])


def _read_predictions(root: Path) -> Reading:
    found = read_predictions(root / "results.json", root / "images.json", minimum_score=float("-inf"))
    objects = [
        (p.image.file_name, p.category.name, p.score, p.shown_box, p.mask, p.keypoints)
        for predictions in found.by_image.values()
        for p in predictions
    ]
    return Reading([[(image.file_name, image.width, image.height) for image in found.images], objects])


def _write_predictions(root: Path) -> None:
    inputs.write_results(root)
    inputs.RESULTS_FOR.save(root / "images.json")


def _read_parameters(root: Path) -> Reading:
    return Reading(Parameters.load(root / "params.yaml").model_dump())


def _write_parameters(root: Path) -> None:
    (root / "params.yaml").write_text(yaml.safe_dump(inputs.parameters_content(), sort_keys=False))


def _another_result(field: Field, value: str) -> str:
    if value == "removed" and len(field) == 1:
        return "a file may have fewer results"
    if field[-1] == "score" and value in ("-1", "half", "10^30", "2^32", "2^63"):
        return "scores may have any scale"
    return "another valid box" if "bbox" in field and value in ("-1", "half") else ""


def _another_prediction(field: Field, value: str) -> str:
    if field[-1] == "segmentation" and value == "removed":
        return "a box without a mask is a result"
    return _another_result(field, value)


def _another_parameter(_key: str, value: str) -> str:
    if value in ("removed", "an empty mapping"):
        return "keys have defaults"
    if value in ("null", "true", "half", "text", "bytes", "an empty list", "the home of nobody"):
        return "as valid as others, where the type of the key accepts it"
    return ""


def other_readers() -> list[Reader]:
    """All of them."""
    json_files = [
        *path_mutations(),
        *byte_mutations(NO_CHECKSUM),
        *document_mutations("image_id", empty="a file may have no results"),
        *field_mutations(inputs.results_content(), [(0,)], _another_result),
    ]
    to_write = [
        *path_mutations(),
        *byte_mutations(NO_CHECKSUM),
        *document_mutations("image_id", empty="a file may have no results"),
        *field_mutations(inputs.results_content(), [(0,)], _another_prediction),
    ]
    yaml_files = [
        *path_mutations(empty="keys have defaults"),
        *byte_mutations(NO_CHECKSUM),
        *yaml_mutations(inputs.parameters_content(), _another_parameter),
    ]
    return [
        Reader("detections", inputs.write_results, _read_detections, {"results.json": json_files}),
        Reader("results with masks", inputs.write_results, _read_results, {"results.json": json_files}),
        Reader(
            "results to write elsewhere",
            _write_predictions,
            _read_predictions,
            {"results.json": to_write, "images.json": [*path_mutations(), *byte_mutations(NO_CHECKSUM)]},
        ),
        Reader("parameters", _write_parameters, _read_parameters, {"params.yaml": yaml_files}),
    ]
