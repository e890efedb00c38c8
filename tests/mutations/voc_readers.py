"""Readers of VOC's layout and of its descendants: SBD, PASCAL-Part, and keypoints of VOC's persons."""

from tests.mutations import inputs
from tests.mutations.data_sets import data_set_readers
from tests.mutations.harness import Reader, sampled
from tests.mutations.of_bytes import NO_CHECKSUM, byte_mutations
from tests.mutations.of_images import format_mutations
from tests.mutations.of_jpeg import jpeg_mutations
from tests.mutations.of_lists import list_mutations
from tests.mutations.of_mat import mat_mutations, value_mutations
from tests.mutations.of_paths import path_mutations
from tests.mutations.of_png import palette_mutations, png_mutations
from tests.mutations.of_xml import WORDS, xml_mutations


def _another_class(element: str, value: str) -> str:
    return "without a table, the XML names the classes" if element == "name" and value in WORDS else ""


def _another_keypoint(element: str, value: str) -> str:
    if element == "name" and value in WORDS:
        return "keypoints may have any name"
    if element == "image":
        return "objects of other photographs are not used"
    return "an object may have fewer keypoints" if (element, value) == ("keypoint", "removed") else ""


def _other_categories(_field: str, value: str) -> str:
    return "two categories in a row" if value == "six dimensions" else ""


def _nothing(_field: str, _value: str) -> str:
    return ""


def voc_readers() -> list[Reader]:
    """All readers of these layouts."""
    unchecked = [*path_mutations(), *byte_mutations(NO_CHECKSUM)]
    names = [*unchecked, *list_mutations()]
    classes = [*unchecked, *list_mutations("any line may name another class")]
    photograph = [*unchecked, *format_mutations(), *jpeg_mutations()]
    rgb_mask = [*path_mutations(), *byte_mutations(), *format_mutations(), *png_mutations()]
    mask = [*rgb_mask, *palette_mutations()]
    no_points = [*path_mutations("photographs may have no keypoints"), *byte_mutations(NO_CHECKSUM)]
    no_xml = [*path_mutations("photographs may have no XML"), *byte_mutations(NO_CHECKSUM)]
    mat = [*path_mutations(), *byte_mutations()]
    sbd, part = inputs.SBD_FIELDS, inputs.PASCAL_PART_FIELDS
    return [
        *data_set_readers(
            "voc",
            {"format": "voc"},
            inputs.write_voc,
            {
                "ImageSets/Segmentation/train.txt": names,
                "JPEGImages/first.jpg": photograph,
                "SegmentationObject/first.png": mask,
                "SegmentationClass/first.png": sampled(mask),
                "Annotations/first.xml": [
                    *no_xml,
                    *xml_mutations(inputs.VOC_XML, _another_class, "person", inputs.VOC_OBJECT),
                ],
            },
        ),
        *data_set_readers(
            "voc with class names",
            {"format": "voc"},
            inputs.write_named_voc,
            {"labelmap.txt": classes, "SegmentationClass/first.png": rgb_mask},
        ),
        *data_set_readers(
            "keypoints of voc",
            {"format": "voc", "keypoints": "points"},
            inputs.write_voc_keypoints,
            {
                "points/first_1.xml": [
                    *no_points,
                    *xml_mutations(inputs.KEYPOINTS_XML, _another_keypoint, "person", inputs.KEYPOINT),
                ]
            },
            folders=("points",),
        ),
        *data_set_readers(
            "sbd",
            {"format": "sbd"},
            inputs.write_sbd,
            {
                "train.txt": sampled(names),
                "inst/first.mat": [
                    *mat,
                    *mat_mutations("GTinst", sbd["Segmentation"]),
                    *value_mutations(sbd, _other_categories),
                ],
            },
        ),
        *data_set_readers(
            "pascal_part",
            {"format": "pascal_part", "train_list": "train.txt", "val_list": "val.txt"},
            inputs.write_pascal_part,
            {
                "train.txt": sampled(names),
                "Annotations_Part/first.mat": [
                    *mat,
                    *mat_mutations("anno", part["mask"]),
                    *value_mutations(part, _nothing),
                ],
            },
        ),
    ]
