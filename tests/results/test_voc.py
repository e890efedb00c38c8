"""Results in VOC layout are read by this project, and their XML and palette are VOC's."""

from pathlib import Path

import defusedxml.ElementTree
import numpy as np
import pytest
from PIL import Image

from hypercolumns.annotations import masks, readers
from hypercolumns.annotations.label_images import voc_colour
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.results import result_scenes as scenes

VISIBLE = {"a": [scenes.RING, scenes.COVERED & ~scenes.RING], "garden_b": [scenes.PIECES], "garden_d_c": []}
"""Visible pixels of the objects of each photograph: the better of two is in front."""


def test_our_reader_finds_the_visible_pixels_again(tmp_path: Path) -> None:
    out = scenes.convert(scenes.write(tmp_path), "voc", with_photographs=True)
    settings = DatasetParameters(format="voc", root=str(out), train="default", val_share=0.4)
    sets = readers.read_splits(settings, ("segmentation",))
    assert [c.name for c in sets["train"].categories] == ["person", "car & <van>"]
    found = {
        Path(image.file_name).stem: split.instances_by_image[image.id]
        for split in sets.values()
        for image in split.images
    }
    assert found.keys() == VISIBLE.keys()
    for stem, expected in VISIBLE.items():
        assert [i.ignore for i in found[stem]] == [False] * len(expected)
        for instance, mask in zip(found[stem], expected, strict=True):
            np.testing.assert_array_equal(masks.decode(instance.segmentation), mask)
    names = [split.category_by_id[i.category_id].name for split in sets.values() for i in split.instances]
    assert sorted(names) == ["car & <van>", "car & <van>", "person"]


def test_label_images_have_vocs_palette_and_numbers(tmp_path: Path) -> None:
    out = scenes.convert(scenes.write(tmp_path), "voc")
    for folder, values in (("SegmentationObject", [0, 1, 2]), ("SegmentationClass", [0, 1, 2])):
        with Image.open(out / folder / "a.png") as image:
            assert image.mode == "P"
            assert image.size == (scenes.WIDTH, scenes.HEIGHT)
            assert np.unique(np.asarray(image)).tolist() == values
            palette = np.reshape(image.getpalette(), (-1, 3)).tolist()
        assert palette == [list(voc_colour(value)) for value in range(256)]
    assert (out / "labelmap.txt").read_text().splitlines()[1:] == [
        "background:0,0,0::",
        "person:128,0,0::",
        "car & <van>:0,128,0::",
    ]
    for kind in ("Main", "Segmentation"):
        assert (out / f"ImageSets/{kind}/default.txt").read_text() == "a\ngarden_b\ngarden_d_c\n"


def test_the_xml_has_vocs_boxes(tmp_path: Path) -> None:
    """They count from 1 and include the last pixel."""
    out = scenes.convert(scenes.write(tmp_path), "voc")
    root = defusedxml.ElementTree.parse(out / "Annotations/garden_b.xml").getroot()
    assert root.findtext("filename") == "garden_b.png"
    assert [root.findtext(f"size/{side}") for side in ("width", "height", "depth")] == ["60", "48", "3"]
    assert root.findtext("segmented") == "1"
    (item,) = root.findall("object")
    assert item.findtext("name") == "car & <van>"
    assert [int(item.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")] == [41, 3, 56, 31]


def test_an_object_that_others_hide_is_left_out_of_masks_and_xml(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hidden, front = (
        {"image_id": 3, "category_id": 2, "score": score, "segmentation": masks.encode(scenes.COVERED)}
        for score in (0.6, 0.8)
    )
    out = scenes.convert(scenes.write(tmp_path, [hidden, front]), "voc")
    assert np.unique(np.asarray(Image.open(out / "SegmentationObject/a.png"))).tolist() == [0, 1]
    assert len(defusedxml.ElementTree.parse(out / "Annotations/a.xml").getroot().findall("object")) == 1
    assert "1 result behind others left out" in caplog.text


def test_results_without_masks_are_xml_alone(tmp_path: Path) -> None:
    out = scenes.convert(scenes.write(tmp_path, scenes.person_results()), "voc")
    assert sorted(path.name for path in out.iterdir()) == ["Annotations", "ImageSets", "labelmap.txt"]
    box = defusedxml.ElementTree.parse(out / "Annotations/garden_b.xml").getroot().find("object/bndbox")
    assert [int(side.text) for side in box] == [1, 4, 16, 14]


@pytest.mark.parametrize("name", ["a:b", "#car", "background", " car"])
def test_a_name_that_labelmap_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    annotated = scenes.annotations()
    annotated["categories"] = [scenes.PERSON, scenes.CAR | {"name": name}]
    with pytest.raises(InputError, match=r"labelmap\.txt cannot hold the name"):
        scenes.convert(scenes.write(tmp_path, annotated=annotated), "voc")


def test_more_objects_than_a_mask_can_number_are_refused(tmp_path: Path) -> None:
    found = [entry | {"image_id": 3} for entry in scenes.results()[:1] * 255]
    with pytest.raises(InputError, match="has 255 objects, and VOC's masks have at most 254"):
        scenes.convert(scenes.write(tmp_path, found), "voc")
