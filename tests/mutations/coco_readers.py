"""Readers of COCO files: annotations, parts as categories, and keypoints for another data set; and of photographs."""

from tests.mutations import inputs
from tests.mutations.data_sets import data_set_readers
from tests.mutations.harness import Reader, sampled
from tests.mutations.of_bytes import NO_CHECKSUM, byte_mutations
from tests.mutations.of_coco import coco_field_mutations, coco_mutations
from tests.mutations.of_images import format_mutations
from tests.mutations.of_jpeg import jpeg_mutations
from tests.mutations.of_lists import list_mutations
from tests.mutations.of_paths import path_mutations
from tests.mutations.of_png import palette_mutations, png_mutations

_COCO = {"format": "coco", "train": "train.json", "val": "val.json", "images": "photographs"}


def coco_readers() -> list[Reader]:
    """All readers of COCO files."""
    fields = coco_field_mutations(inputs.coco_content())
    names = [*path_mutations(), *byte_mutations(NO_CHECKSUM), *list_mutations()]
    return [
        *data_set_readers("coco", _COCO, inputs.write_coco, {"train.json": [*coco_mutations(), *fields]}),
        *data_set_readers(
            "coco with a list", _COCO | {"train_list": "train_list.txt"}, inputs.write_coco, {"train_list.txt": names}
        ),
        *data_set_readers(
            "coco of parts", _COCO | {"parts_of": "car"}, inputs.write_coco, {"train.json": coco_mutations()}
        ),
        *data_set_readers(
            "keypoints of coco",
            {"format": "voc", "keypoints": "points.json"},
            inputs.write_coco_keypoints,
            {"points.json": coco_mutations()},
        ),
    ]


def photograph_readers() -> list[Reader]:
    """Photographs of every format, with boxes in train and without annotations in val."""
    other = "a photograph without annotations may have any size"
    fewer = "a folder may have fewer photographs"
    png = [*path_mutations(), *byte_mutations(), *png_mutations()]
    unchecked = [*path_mutations(), *byte_mutations(NO_CHECKSUM), *format_mutations()]
    files = {
        "photographs/a.jpg": [*unchecked, *jpeg_mutations()],
        "photographs/b.png": [*png, *format_mutations()],
        "photographs/c.png": sampled(png),
        "photographs/d.png": [
            *sampled([*png, *format_mutations()]),
            *palette_mutations("a photograph may have any colours"),
        ],
        "photographs/e.tif": unchecked,
        "photographs/f.bmp": sampled(unchecked),
        "photographs/g.webp": sampled(unchecked),
        "new/a.jpg": [
            *path_mutations(fewer),
            *byte_mutations(NO_CHECKSUM),
            *format_mutations(other),
            *jpeg_mutations(other),
        ],
        "new/b.png": [*path_mutations(fewer), *byte_mutations(), *png_mutations(other), *format_mutations(other)],
    }
    dataset = _COCO | {"val": "new"}
    return data_set_readers("photographs", dataset, inputs.write_photographs, files, pixels=True)
