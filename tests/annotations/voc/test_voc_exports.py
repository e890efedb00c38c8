"""Folders as CVAT, Datumaro and labelme2voc write them, by their documentation, are read as they were annotated."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from hypercolumns.annotations import masks, readers
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.annotations import annotation_layouts as layouts
from tests.annotations import voc_scenes as scenes
from tests.annotations.reading import read_split

COLOURS = {1: (250, 50, 83), 2: (51, 221, 255)}
"""Colours that CVAT gives to labels."""

CVAT_LABELMAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nhelmet:250,50,83::\nvest:51,221,255::\n"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "export"


def write_cvat(root):
    """Write "Segmentation mask 1.1" with images: RGB masks, a labelmap, one list called default, no XML."""
    scenes.write(root, scenes.coloured(), scenes.coloured(COLOURS), lists=False)
    (root / "labelmap.txt").write_text(CVAT_LABELMAP)
    layouts.write_list(root / "ImageSets/Segmentation/default.txt", tuple(scenes.BOXES))


def write_labelme(root):
    """Write what labelme2voc does: palette masks, class_names.txt and pictures of the masks, neither lists nor XML."""
    scenes.write(root, lists=False)
    (root / "class_names.txt").write_text("_background_\nhelmet\nvest")
    for kind in ("Class", "Object"):
        (root / f"Segmentation{kind}Npy").mkdir()
        np.save(root / f"Segmentation{kind}Npy/train_1.npy", scenes.numbers("train_1"))
        scenes.save(Image.new("RGB", (48, 36)), root / f"Segmentation{kind}Visualization/train_1.jpg")


def test_a_photograph_whose_name_is_not_utf_8_is_named(root):
    """Its name could neither be hashed nor written into the annotations."""
    write_labelme(root)
    stem = os.fsdecode(b"caf\xe9")
    for folder, suffix in (("JPEGImages", "jpg"), ("SegmentationObject", "png"), ("SegmentationClass", "png")):
        shutil.copy(root / folder / f"train_1.{suffix}", root / folder / f"{stem}.{suffix}")
    settings = DatasetParameters(format="voc", root=str(root), val_share=0.5)
    with pytest.raises(InputError, match="whose name is not UTF-8; rename the file"):
        readers.read_splits(settings, ["segmentation"])
    skipping = settings.model_copy(update={"skip_bad": True})
    sets = readers.read_splits(skipping, ["segmentation"])
    assert [found.counts.get("malformed_images", 0) for found in sets.values()] == [1, 0]


def test_what_is_left_out_is_counted_once_where_a_share_is_held_out(root):
    """The counts of both splits together are those of the data set."""
    write_labelme(root)
    settings = DatasetParameters(format="voc", root=str(root), val_share=0.5, categories=("vest",))
    sets = readers.read_splits(settings, ["segmentation"])
    assert sum(found.counts.get("other_categories", 0) for found in sets.values()) == len(scenes.BOXES)


def drawn_everywhere():
    """All objects, by photograph."""
    return sorted(item for split in scenes.SPLITS for item in scenes.drawn(split))


@pytest.mark.parametrize("write", [write_cvat, write_labelme])
def test_an_export_without_a_split_is_read_by_a_share(root, write):
    """With `dataset.val_share`, all photographs and objects of an export are in one of the splits."""
    write(root)
    train = "default" if write is write_cvat else "train"
    settings = DatasetParameters(format="voc", root=str(root), train=train, val_share=0.5)
    sets = readers.read_splits(settings, ["segmentation"])
    assert sorted(item for found in sets.values() for item in scenes.found(found)) == drawn_everywhere()
    assert all(found.images for found in sets.values())
    assert not any(sum(found.counts.values()) for found in sets.values())


def test_cvat_masks_are_read_by_the_names_of_its_list(root):
    """The list that CVAT calls default is found by its name, and its photographs keep their order."""
    write_cvat(root)
    annotations, bad_items = scenes.read(root, train="default", val="default")
    assert [image.file_name for image in annotations.images] == [f"{stem}.jpg" for stem in scenes.BOXES]
    assert sorted(scenes.found(annotations)) == drawn_everywhere()
    assert not bad_items.counts


def test_cvat_subfolders_and_sorted_labels(root):
    """Photographs in subfolders keep them in lists and masks, and the background may stand between the labels."""
    write_cvat(root)
    for folder, suffix in (("JPEGImages", "jpg"), ("SegmentationObject", "png"), ("SegmentationClass", "png")):
        (root / folder / "site a").mkdir()
        (root / folder / f"train_1.{suffix}").rename(root / folder / "site a" / f"train_1.{suffix}")
    lines = CVAT_LABELMAP.splitlines()
    (root / "labelmap.txt").write_text("\n".join([lines[0], lines[3], lines[1], lines[2]]))
    layouts.write_list(root / "ImageSets/Segmentation/train.txt", ("site a/train_1", "train_2"))
    annotations, _ = scenes.read(root, val="default")
    assert annotations.images[0].file_name == "site a/train_1.jpg"
    assert scenes.found(annotations) == scenes.drawn()
    assert [category.name for category in annotations.categories] == ["vest", "helmet"]


def test_datumaro_exports_with_voc_labels_and_xml(root):
    """A labelmap of VOC's labels with `ignored`, empty XML of objects that have masks only, and void in RGB."""
    names = ["background", *(f"class {i}" for i in range(1, 21)), "ignored"]
    values = [*range(21), 255]
    labels = [
        f"{name}:{','.join(map(str, scenes.bits_of(value)))}::" for name, value in zip(names, values, strict=True)
    ]
    scenes.write(root, scenes.coloured(), scenes.coloured())
    void = scenes.numbers("train_1")
    void[0] = 255
    scenes.save(scenes.coloured()(void), root / "SegmentationObject/train_1.png")
    (root / "labelmap.txt").write_text("\n".join(["# label:color_rgb:parts:actions", *labels]))
    for stem in scenes.BOXES:
        layouts.write_xml(root / "Annotations" / f"{stem}.xml")
    annotations, bad_items = scenes.read(root)
    assert scenes.found(annotations) == scenes.drawn("train", {1: "class 1", 2: "class 2"})
    assert masks.decode(annotations.images[0].void).sum() == scenes.WIDTH
    assert not bad_items.counts


def test_datumaro_exports_without_colours(root):
    """Masks of indices (`--apply-colormap false`) follow the order of the labelmap, with or without colours in it."""
    scenes.write(root, Image.fromarray)
    for labelmap in (CVAT_LABELMAP, "background:::\nhelmet:::\nvest:::\n"):
        (root / "labelmap.txt").write_text(labelmap)
        assert scenes.found(scenes.read(root)[0]) == scenes.drawn()


def test_labelme_regions_to_ignore_are_void(root):
    """labelme2voc writes `__ignore__` as 255 into the class mask and as 0 into the object mask."""
    write_labelme(root)
    labels = scenes.classes("train_1")
    labels[0, :10] = 255
    scenes.save(scenes.palette(labels), root / "SegmentationClass/train_1.png")
    annotations, _ = scenes.read(root, val_share=0.5)
    image = next(image for image in annotations.images if image.file_name == "train_1.jpg")
    np.testing.assert_array_equal(masks.decode(image.void), (labels == 255))
    assert sorted(scenes.found(annotations)) == drawn_everywhere()


@pytest.mark.parametrize("suffix", ["JPG", "jpeg", "png", "bmp", "tif", "TIFF", "webp"])
def test_photographs_may_have_any_usual_suffix(root, suffix):
    """The one file of a stem is the photograph, whatever its format."""
    write_labelme(root)
    for stem in scenes.BOXES:
        path = root / "JPEGImages" / f"{stem}.jpg"
        Image.open(path).save(path.with_suffix(f".{suffix}"))
        path.unlink()
    annotations, _ = scenes.read(root, val_share=0.5)
    assert sorted(scenes.found(annotations)) == drawn_everywhere()
    assert {image.file_name for image in annotations.images} == {f"{stem}.{suffix}" for stem in scenes.BOXES}


def test_photographs_to_predict_on_need_no_list_of_train(root):
    """With a folder as `dataset.val`, train is all photographs that have a mask, and knows their masks as origin."""
    write_labelme(root)
    layouts.write_photograph(root / "JPEGImages/unlabelled.jpg")
    layouts.write_photograph(root / "new/a.jpg")
    annotations, _ = scenes.read(root, val="new")
    assert sorted(scenes.found(annotations)) == drawn_everywhere()
    assert annotations.images[0].origin == str(root / "SegmentationObject/train_1.png")


@pytest.mark.parametrize(
    ("gone", "complaint"),
    [
        ("JPEGImages", r"JPEGImages does not exist; .* CVAT writes it if .*Save images"),
        ("SegmentationObject", r"SegmentationObject does not exist; .*--noobject.* Segmentation mask 1\.1"),
        ("SegmentationClass", r"SegmentationClass does not exist; .*labelme2voc .* Segmentation mask 1\.1"),
        ("ImageSets", r"dataset\.train names the list 'train'.* Write a text file .* or set dataset\.val_share"),
        (
            "ImageSets/Segmentation/train.txt",
            r"dataset\.train .* exist \(default, val\), or write a text file .* or set dataset\.val_share",
        ),
        ("JPEGImages/train_2.jpg", r"Line 2 of .*train\.txt names 'train_2', but the folder .*JPEGImages has no phot"),
        ("SegmentationClass/train_2.png", r"SegmentationClass has no mask 'train_2' .* line 2 of .*train\.txt"),
    ],
)
def test_what_is_missing_is_named_with_the_option_that_writes_it(root, gone, complaint):
    """The message names the folder, list or line, and the tool's option or the parameter that helps."""
    write_cvat(root)
    for split, stems in scenes.SPLITS.items():
        layouts.write_list(root / "ImageSets/Segmentation" / f"{split}.txt", stems)
    (root / gone).rename(root.parent / "gone")
    with pytest.raises(InputError, match=complaint) as error:
        scenes.read(root)
    assert "\n" not in str(error.value)


def test_a_photograph_without_objects_has_no_mask_in_cvat(root):
    """CVAT lists such photographs but writes no mask: said with the cure, or left out and counted."""
    write_cvat(root)
    for kind in ("Object", "Class"):
        (root / f"Segmentation{kind}/train_2.png").unlink()
    with pytest.raises(
        InputError, match=r"'train_2' has no mask .*CVAT .*dataset\.skip_bad.* line 2 of .*default\.txt"
    ):
        scenes.read(root, train="default", val="default")
    annotations, bad_items = scenes.read(root, train="default", val="default", skip_bad=True)
    assert [image.file_name for image in annotations.images] == ["train_1.jpg", "val_1.jpg"]
    assert bad_items.counts == {"malformed_images": 1}


def test_a_folder_too_high_is_said(root):
    """Where `dataset.root` is the folder above, as VOCdevkit is, the message names the folder below."""
    write_cvat(root / "VOC2012")
    with pytest.raises(InputError, match=r"JPEGImages does not exist.* Should dataset\.root be .*VOC2012\?"):
        scenes.read(root)


@pytest.mark.parametrize("folder", ["SegmentationObject", "SegmentationClass"])
def test_black_and_white_masks_are_refused_with_the_cause(root, folder):
    """A mask of 0 and 255 has void only; the message says so and how to number objects and classes."""
    write_labelme(root)
    for path in (root / folder).glob("*.png"):
        Image.fromarray(np.where(np.asarray(Image.open(path)) > 0, 255, 0).astype(np.uint8)).save(path)
    with pytest.raises(
        InputError, match=rf"{folder}.*holds only 0 and 255.*number the (objects|classes) 1, 2, \.\.\. in"
    ):
        scenes.read(root, val_share=0.5)


def test_masks_without_photographs_are_refused(root):
    """If no photograph has a mask of its name, both folders are named."""
    write_labelme(root)
    shutil.rmtree(root / "SegmentationObject")
    (root / "SegmentationObject").mkdir()
    with pytest.raises(InputError, match=r"No photograph in .*JPEGImages has a mask of the same name in .*Object"):
        scenes.read(root, val_share=0.5)


def test_without_a_list_what_has_no_partner_is_counted(root):
    """A photograph without mask and a mask without photograph are named, since no list says what should be there."""
    write_labelme(root)
    (root / "SegmentationObject/train_1.png").unlink()
    (root / "JPEGImages/val_1.jpg").rename(root / "JPEGImages/val_1.heic")
    counts = read_split(DatasetParameters(format="voc", root=str(root), val_share=0.4)).counts
    assert (counts["photographs_without_mask"], counts["masks_without_photograph"]) == (1, 1)


def test_classes_that_nothing_names_are_called_vocs_with_a_word(root):
    """Own classes would otherwise become aeroplane and bicycle silently."""
    write_labelme(root)
    (root / "class_names.txt").unlink()
    found = readers.read_splits(DatasetParameters(format="voc", root=str(root), val_share=0.4), ["segmentation"])
    assert (
        "classes assumed to be VOC's since nothing names them (see dataset.class_names)" in found["train"].description
    )
