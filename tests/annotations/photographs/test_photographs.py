"""Every photograph is decoded once: bad ones are all listed, or left out and counted, and odd ones are said once."""

import numpy as np
import pytest
from PIL import Image as Picture
from PIL.PngImagePlugin import PngImageFile

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.annotations.photographs.checking import check_photographs, read_folder
from hypercolumns.annotations.photographs.file import PhotographFile
from hypercolumns.annotations.photographs.reading import read_photograph
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.annotations.photographs.test_opening import write_huge
from tests.annotations.photographs.test_orientation import late_exif
from tests.annotations.pictures import HEIGHT, TURNED, WIDTH, colours, greys, save


def annotated(root, sizes):
    """Annotations of photographs below `root` with one object each; `sizes` maps file names to (width, height)."""
    images, instances = [], []
    for number, (name, (width, height)) in enumerate(sizes.items(), 1):
        mask = np.zeros((height, width), dtype=bool)
        mask[: height // 4, : width // 4] = True
        images.append(Image(number, name, width, height, origin=f"labels.json, image {number}"))
        instances.append(
            Instance(10 * number, number, 1, masks.encode(mask), masks.box(masks.encode(mask)), mask.sum())
        )
    return AnnotationSet(tuple(images), (Category(1, "square"),), tuple(instances), str(root), "some photographs")


def check(annotations, skip=False, **settings):
    """Check photographs; returns the annotations that are left and the counts of what is left out."""
    bad_items = BadItems(skip, ["segmentation"])
    return check_photographs(annotations, DatasetParameters(format="coco", **settings), bad_items), bad_items.counts


def three_bad_ones(root):
    """Four photographs, of which one is whole, one truncated, one missing and one of another size."""
    for name in ("good.png", "half.png", "other.png"):
        save(root / name, colours())
    (root / "half.png").write_bytes((root / "half.png").read_bytes()[:80])
    sizes = dict.fromkeys(("half.png", "missing.png", "good.png"), (WIDTH, HEIGHT))
    return annotated(root, sizes | {"other.png": (30, 50)})


def test_good_photographs_pass_unchanged_and_silently(tmp_path, caplog):
    save(tmp_path / "a.jpg", colours())
    annotations = annotated(tmp_path, {"a.jpg": (WIDTH, HEIGHT)})
    assert check(annotations) == (annotations, {})
    assert not caplog.records


def test_all_bad_photographs_are_named_at_once(tmp_path):
    """With the place in the data set that leads to each, the reason, and how to go on without them."""
    with pytest.raises(InputError) as caught:
        check(three_bad_ones(tmp_path))
    first, *listed, last = str(caught.value).splitlines()
    assert first == "some photographs: 3 of 4 photographs cannot be used."
    for line, name, problem, number in zip(
        listed,
        ("half", "missing", "other"),
        ("cannot be read", "does not exist", "is 30 x 50 pixels, but its photograph is 24 x 16"),
        (1, 2, 4),
        strict=True,
    ):
        assert f"{tmp_path / name}.png {problem}" in line
        assert line.endswith(f"It is named by labels.json, image {number}.")
    assert "dataset.skip_bad" in last


def test_bad_photographs_are_left_out_with_their_objects_and_counted_by_reason(tmp_path):
    found, counts = check(three_bad_ones(tmp_path), skip=True)
    assert [image.file_name for image in found.images] == ["good.png"]
    assert [instance.image_id for instance in found.instances] == [3]
    assert counts == {"unreadable_photographs": 1, "missing_photographs": 1, "photographs_of_another_size": 1}


def test_a_long_list_of_bad_photographs_is_cut(tmp_path):
    save(tmp_path / "a.png", colours())
    sizes = {"a.png": (WIDTH, HEIGHT)} | {f"{number}.png": (9, 9) for number in range(30)}
    with pytest.raises(InputError) as caught:
        check(annotated(tmp_path, sizes))
    message = str(caught.value)
    assert "30 of 31 photographs" in message
    assert "And 20 more." in message
    assert sum(f"{number}.png does not exist" in message for number in range(30)) == 10


@pytest.mark.parametrize("skip", [False, True])
def test_the_likely_cause_is_said_where_all_or_most_are_missing(tmp_path, caplog, skip):
    """All missing ends the reading even where bad photographs are skipped."""
    sizes = {f"{number}.png": (WIDTH, HEIGHT) for number in range(3)}
    with pytest.raises(InputError, match=rf"wrong one: see dataset\.root.*looked for is {tmp_path / '0.png'}\."):
        check(annotated(tmp_path, sizes), skip=skip)
    save(tmp_path / "2.png", colours())
    if skip:
        check(annotated(tmp_path, sizes), skip=True)
        assert "see dataset.root" in caplog.text
    else:
        with pytest.raises(InputError, match=r"see dataset\.root"):
            check(annotated(tmp_path, sizes))


def test_a_photograph_without_an_origin_is_named_by_its_path_alone(tmp_path):
    annotations = AnnotationSet((Image(1, "a.png", 3, 3),), (), (), str(tmp_path))
    with pytest.raises(InputError, match=r"a\.png does not exist\.$"):
        check(annotations)


@pytest.mark.parametrize("limit", [WIDTH * HEIGHT - 1, WIDTH * HEIGHT])
def test_the_size_of_photographs_is_limited_by_a_parameter(tmp_path, limit):
    save(tmp_path / "a.png", colours())
    annotations = annotated(tmp_path, {"a.png": (WIDTH, HEIGHT)})
    if limit == WIDTH * HEIGHT:
        check(annotations, maximum_pixels=limit)
    else:
        with pytest.raises(InputError, match=r"24 x 16 = 384 pixels, more than dataset\.maximum_pixels, 383\."):
            check(annotations, maximum_pixels=limit)


def test_a_header_that_claims_too_much_is_refused_before_decoding(tmp_path, monkeypatch):
    """Even where the limit would allow it, since the annotated size differs."""
    write_huge(tmp_path / "huge.png")
    monkeypatch.setattr(PngImageFile, "load", None)
    annotations = annotated(tmp_path, {"huge.png": (40, 30)})
    with pytest.raises(InputError, match=r"60000 x 60000 = 3600000000 pixels, more than dataset\.maximum_pixels"):
        check(annotations)
    with pytest.raises(InputError, match="is 40 x 30 pixels, but its photograph is 60000 x 60000"):
        check(annotations, maximum_pixels=4 * 10**9)


def test_photographs_of_one_colour_and_of_many_bits_are_said_once(tmp_path, caplog):
    for name in ("b.png", "c.png"):
        save(tmp_path / name, np.full((HEIGHT, WIDTH, 3), 7, dtype=np.uint8))
        Picture.fromarray(greys().astype(np.uint16) * 16).save(tmp_path / f"deep-{name}")
    save(tmp_path / "a.png", colours())
    names = ("a.png", "b.png", "c.png", "deep-b.png", "deep-c.png")
    found, counts = check(annotated(tmp_path, dict.fromkeys(names, (WIDTH, HEIGHT))))
    assert len(found.images) == 5
    assert not counts
    deep, plain = (record.getMessage() for record in caplog.records)
    assert f"2 photographs with more than 8 bits per value, the first one {tmp_path / 'deep-b.png'}" in deep
    assert f"2 photographs of a single colour, the first one {tmp_path / 'b.png'}" in plain


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("rule", ["auto", "apply", "ignore"])
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_photographs_annotated_as_shown_or_as_stored(tmp_path, caplog, tag, rule, suffix):
    """Each rule reads what was drawn or refuses the size, and auto says when it had to guess."""
    name = f"a.{suffix}"
    stored, shown = colours(32, 16), TURNED[tag](colours(32, 16))
    save(tmp_path / name, stored, tag)
    for size in {(32, 16), shown.shape[1::-1]}:
        caplog.clear()
        sizes_tell = tag in (5, 6, 7, 8)
        turns = {"apply": True, "ignore": False, "auto": not sizes_tell or size == (16, 32)}[rule]
        expected = shown if turns else stored
        annotations = annotated(tmp_path, {name: size})
        if expected.shape[1::-1] != size:
            with pytest.raises(InputError, match=f"with the EXIF orientation {tag}; dataset.orientation"):
                check(annotations, orientation=rule)
            continue
        (image,) = check(annotations, orientation=rule)[0].images
        found = read_photograph(tmp_path / name, image)
        assert np.abs(found.astype(int) - expected).max() <= (40 if suffix == "jpg" else 0)
        assert ("EXIF" in caplog.text) == (rule == "auto" and tag in (2, 3, 4))


def test_tags_that_sizes_cannot_confirm_are_counted_once_naming_tags_and_key(tmp_path, caplog):
    """Square photographs, and upside-down or mirrored ones."""
    for number, tag in enumerate((3, 3, 4, 6, 1)):
        save(tmp_path / f"{number}.png", colours(32, 32), tag)
    found, _ = check(annotated(tmp_path, {f"{number}.png": (32, 32) for number in range(5)}))
    assert [image.orientation for image in found.images] == [3, 3, 4, 6, 1]
    (record,) = caplog.records
    assert "4 photographs with an EXIF orientation (tag 3: 2, tag 4: 1, tag 6: 1)" in record.getMessage()
    assert "dataset.orientation: ignore" in record.getMessage()


def test_a_png_with_its_tag_after_the_pixels_is_turned(tmp_path):
    late_exif(tmp_path / "a.png", 6)
    found, _ = check(annotated(tmp_path, {"a.png": (HEIGHT, WIDTH)}))
    shown = read_photograph(tmp_path / "a.png", found.images[0])
    np.testing.assert_array_equal(shown, TURNED[6](colours()))


def folder_of(tmp_path):
    """A folder with photographs of all suffixes in sub-folders, among other files; returns its parent."""
    for name in ("b.JPG", "a/c.png", "a/B.Tiff", "a/d.webp", "z.bmp", "e.jpeg", "f.tif"):
        path = tmp_path / "new" / name
        save(path.with_suffix(path.suffix.lower()), colours(32, 16))
        path.with_suffix(path.suffix.lower()).rename(path)
    for name in ("notes.txt", ".hidden.jpg", ".cache/x.jpg", "a/._c.png", "noSuffix", "list.jpg.txt"):
        (tmp_path / "new" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "new" / name).write_bytes(b"")
    (tmp_path / "new" / "folder.png").mkdir()
    return tmp_path


def folder_settings(root, **settings):
    return DatasetParameters(format="coco", root=str(root), val="new", **settings)


def test_a_folder_gives_its_photographs_in_the_order_of_their_paths(tmp_path):
    """Without hidden and other files, with the categories of train, and ready to be read."""
    categories = (Category(3, "square"),)
    settings = folder_settings(folder_of(tmp_path))
    found = read_folder(settings, categories)
    names = ["a/B.Tiff", "a/c.png", "a/d.webp", "b.JPG", "e.jpeg", "f.tif", "z.bmp"]
    assert [image.file_name for image in found.images] == names
    assert [image.id for image in found.images] == [1, 2, 3, 4, 5, 6, 7]
    assert (found.categories, found.instances, found.description) == (categories, (), "photographs of new")
    assert found.image_root == str(tmp_path / "new")
    checked = check_photographs(found, settings, BadItems(False, []))
    assert checked == found
    for image in checked.images:
        assert np.abs(read_photograph(checked.image_path(image), image).astype(int) - colours(32, 16)).max() <= 45


@pytest.mark.parametrize("rule", ["auto", "apply", "ignore"])
@pytest.mark.parametrize("tag", range(2, 9))
def test_photographs_in_a_folder_are_turned_as_viewers_show_them(tmp_path, caplog, rule, tag):
    """Nothing is annotated, so that sizes cannot tell; auto says so."""
    for name in ("new/a.jpg", "new/b.tif"):
        save(tmp_path / name, colours(32, 16), tag)
    settings = folder_settings(tmp_path, orientation=rule)
    checked = check_photographs(read_folder(settings, ()), settings, BadItems(False, []))
    expected = colours(32, 16) if rule == "ignore" else TURNED[tag](colours(32, 16))
    assert len(checked.images) == 2
    for image in checked.images:
        found = read_photograph(checked.image_path(image), image)
        assert found.shape == expected.shape
        assert np.abs(found.astype(int) - expected).max() <= 40
    assert [r.getMessage().count(f"tag {tag}: 2") for r in caplog.records] == ([1] if rule == "auto" else [])


@pytest.mark.parametrize("skip", [False, True])
def test_broken_photographs_in_a_folder_are_listed_or_left_out(tmp_path, skip):
    """Whether the header or the pixels are broken, all are treated at once."""
    save(tmp_path / "new/a.png", colours())
    (tmp_path / "new/half.png").write_bytes((tmp_path / "new/a.png").read_bytes()[:80])
    (tmp_path / "new/text.jpg").write_text("hello")
    (tmp_path / "new/away.jpg").symlink_to(tmp_path / "nowhere.jpg")
    write_huge(tmp_path / "new/huge.png")
    settings, bad_items = folder_settings(tmp_path), BadItems(skip, [])
    found = read_folder(settings, ())
    if skip:
        checked = check_photographs(found, settings, bad_items)
        assert [image.file_name for image in checked.images] == ["a.png"]
        assert bad_items.counts == {"unreadable_photographs": 3, "missing_photographs": 1}
    else:
        with pytest.raises(InputError, match=r"(?s)4 of 5.*away\.jpg.*half\.png.*huge\.png.*maximum_pixels.*text\.jpg"):
            check_photographs(found, settings, bad_items)


def test_a_folder_without_photographs_is_refused_naming_the_key(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "notes.txt").write_text("")
    with pytest.raises(InputError, match=r"dataset\.val names 'new'.*no photographs \(\.bmp, \.jpeg, \.jpg"):
        read_folder(folder_settings(tmp_path), ())


def test_file_names_that_are_not_utf_8_are_refused(tmp_path):
    """They could not be written to the annotations."""
    save(tmp_path / "new" / "a.png", colours())
    (tmp_path / "new" / "a.png").rename(tmp_path / "new" / "caf\udce9.png")
    with pytest.raises(InputError, match="not UTF-8"):
        read_folder(folder_settings(tmp_path), ())


def test_photographs_are_decoded_once(tmp_path, monkeypatch):
    """Reading the folder decodes none, and the check decodes each one once."""
    decoded = []
    read_pixels = PhotographFile.pixels

    def pixels(self, orientation):
        decoded.append(self)
        return read_pixels(self, orientation)

    monkeypatch.setattr(PhotographFile, "pixels", pixels)
    settings = folder_settings(folder_of(tmp_path))
    found = read_folder(settings, ())
    assert not decoded
    check_photographs(found, settings, BadItems(False, []))
    assert len(decoded) == 7
