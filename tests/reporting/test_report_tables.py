"""Tables of the page: the ablation, the data set and the parameters."""

import numpy as np
import yaml

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.parameters import TASK_SECTIONS, Parameters
from hypercolumns.reporting.tables import ablation_table, configuration, dataset_rows, parameter_sections

LAYERS = ["fine", "middle", "top"]


def entry(blocks, grid, mean_iou):
    return {"blocks": blocks, "grid": grid, "mean_iou": mean_iou, "iou_70": 0.1}


def entries():
    return [
        entry(["top"], 5, 0.45),
        entry(["fine"], 5, 0.40),
        entry(["middle"], 5, 0.52),
        entry(["fine", "middle"], 5, 0.60),
        entry(["fine", "top"], 5, 0.55),
        entry(LAYERS, 1, 0.58),
        entry(LAYERS, 5, 0.63),
    ]


def test_configurations_are_named_by_the_blocks_they_have_or_lack():
    assert configuration(LAYERS, LAYERS) == "all blocks"
    assert configuration(["top"], LAYERS) == "only top"
    assert configuration(["fine", "top"], LAYERS) == "without middle"
    assert configuration(["a", "b"], [*"abcd"]) == "a + b"


def test_rows_are_ordered_and_the_entries_for_the_sentences_are_found():
    table = ablation_table(entries(), grid=5)
    assert list(table.rows) == [
        "all blocks",
        "without middle",
        "without top",
        "only fine",
        "only middle",
        "only top",
    ]
    assert table.grids == [1, 5]
    assert table.shown["all blocks"]["mean_iou"] == table.best == 0.63
    assert table.shown["only top"]["mean_iou"] == 0.45
    assert table.best_single == "only middle"
    assert table.worst_removal == "without middle"
    assert table.rows["all blocks"][1]["mean_iou"] == 0.58
    assert table.worst == 0.40


def test_a_preferred_k_that_was_not_tried_is_replaced_by_the_one_with_most_configurations():
    assert ablation_table(entries(), grid=7).shown_grid == 5


def test_numbers_that_look_equal_are_treated_as_equal():
    """The page must not call one of two equal-looking numbers better."""
    table = ablation_table(
        [entry(LAYERS, 5, 0.6304), entry(["fine", "top"], 5, 0.6296), entry(["top"], 5, 0.4)], grid=5
    )
    assert table.worst_removal is None
    assert [entry["mean_iou"] == table.best for entry in table.shown.values()] == [True, True, False]


def test_leaving_out_one_of_two_layers_has_no_row_beside_the_other_alone():
    table = ablation_table([entry(["a", "b"], 5, 0.6), entry(["a"], 5, 0.5), entry(["b"], 5, 0.4)], grid=5)
    assert list(table.rows) == ["all blocks", "only a", "only b"]


def test_a_single_layer_counts_as_all_blocks():
    table = ablation_table([entry(["a"], 5, 0.6)], grid=5)
    assert list(table.rows) == ["all blocks"]
    assert table.best_single is None


def test_data_set_rows_count_both_splits_by_category_name():
    mask = masks.encode(np.ones((4, 4), dtype=bool))

    def annotations(*flags):
        instances = tuple(
            Instance(n, 1, 3, mask, (0, 0, 4, 4), area, difficult=difficult)
            for n, (area, difficult) in enumerate(flags)
        )
        return AnnotationSet((Image(1, "a", 4, 4),), (Category(3, "cat"), Category(4, "dog")), instances, "")

    (row,) = dataset_rows(annotations((4.0, False), (9.0, False)), annotations((16.0, False), (100.0, True)))
    assert (row.name, row.train, row.val, row.ignored, row.typical_side) == ("cat", 2, 1, 1, 3.0)
    assert dataset_rows(None, None) == []
    assert dataset_rows(None, annotations((4.0, True)))[0].typical_side is None


def test_every_parameter_is_listed_as_in_the_file():
    sections = dict(parameter_sections(Parameters().model_dump(mode="json")))
    assert dict(sections["general"])["seed"] == "0"
    assert dict(sections["dataset"])["puppets.width"] == "320"
    assert dict(sections["dataset"])["categories"] == "[]"
    assert dict(sections["dataset"])["skip_bad"] == "false"
    assert dict(sections["dataset"])["val_images"] == "null"
    assert set(sections) - {"general"} == {*Parameters.model_fields, *TASK_SECTIONS} - {"seed", "tasks"}


def test_listed_parameters_read_back_as_they_were():
    dataset = {"part_names": {"leg": ["[lr]leg"]}, "keypoint_names": {}, "categories": ["traffic light", "no"]}
    parameters = Parameters.model_validate({"tasks": ["parts"], "dataset": dataset})
    read: dict = {}
    for section, rows in parameter_sections(parameters.model_dump(mode="json")):
        for key, value in rows:
            *path, last = key.split(".") if section == "general" else [section, *key.split(".")]
            target = read
            for name in path:
                target = target.setdefault(name, {})
            target[last] = yaml.safe_load(value)
    assert Parameters.model_validate(read) == parameters
