"""Lists of photographs: every way of writing a known name is read; otherwise the list and its line are blamed."""

import pytest

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.folders import StemIndex
from hypercolumns.annotations.lists import ListedName, find_list, known_stems, read_list, require_list
from hypercolumns.errors import InputError

KNOWN = ("train_1", "photo 1", "photo", "img.v2", "sub/inner", "caf\u00e9", "name.png")


def read(path, skip=False):
    """Read a list of known names, and return the stems."""
    return [name.stem for name in read_list(path, KNOWN, "the folder photos has no photograph", BadItems(skip, []))]


@pytest.mark.parametrize(
    ("line", "stem"),
    [
        ("train_1", "train_1"),
        ("  train_1\t", "train_1"),
        ("train_1.jpg", "train_1"),
        ("train_1.JPEG", "train_1"),
        ("JPEGImages/train_1.png", "train_1"),
        ("./train_1", "train_1"),
        ("/home/me/data/JPEGImages/train_1.jpg", "train_1"),
        ("C:\\data\\JPEGImages\\train_1.jpg", "train_1"),
        ("train_1 1", "train_1"),
        ("train_1 -1", "train_1"),
        ("train_1\t 0", "train_1"),
        ("JPEGImages/train_1.jpg SegmentationClass/train_1.png", "train_1"),
        ('"photo 1"', "photo 1"),
        ('"photo 1" 1', "photo 1"),
        ("photo 1", "photo 1"),
        ("photo 1.jpg", "photo 1"),
        ("photo 1 1", "photo 1"),
        ("photo -1", "photo"),
        ("img.v2", "img.v2"),
        ("img.v2.jpg", "img.v2"),
        ("sub/inner.jpg", "sub/inner"),
        ("JPEGImages\\sub\\inner", "sub/inner"),
        ("cafe\u0301.jpg", "caf\u00e9"),
        ("name.png", "name.png"),
        ("name.png.jpg", "name.png"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_line_means_the_photograph_that_is_known(tmp_path, line, stem, encoding):
    """Suffixes, folders, second columns, quotes, byte order marks and UTF-16 do not change what a line means."""
    path = tmp_path / "list.txt"
    path.write_bytes(f"\r\n{line}\r\n\r\n".encode(encoding))
    listed = read_list(path, KNOWN, "", BadItems(False, []))
    assert listed == (ListedName(stem, f"line 2 of {path}"),)
    assert known_stems(path, KNOWN) == (stem,)


def test_names_keep_their_order(tmp_path):
    """Photographs are numbered as the list orders them, and blank lines count for the line numbers only."""
    path = tmp_path / "list.txt"
    path.write_text("photo\n\n\ntrain_1\nimg.v2")
    assert read(path) == ["photo", "train_1", "img.v2"]
    assert [n.origin for n in read_list(path, KNOWN, "", BadItems(False, []))] == [
        f"line {number} of {path}" for number in (1, 4, 5)
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", r"The list of photographs .*list\.txt is empty"),
        (b" \n\n", r"list\.txt is empty"),
        (b"photo\ntrain_2\n", r"Line 2 of .*list\.txt names 'train_2', but the folder photos .*most similar: train_1"),
        (b"photo 3.jpg\n", r"Line 1 of .*names 'photo 3\.jpg'.*similar: photo 1"),
        (b"TRAIN_1.JPG\n", r"Line 1 of .*names 'TRAIN_1\.JPG'.*similar: train_1"),
        (b"train_1.gif\n", r"Line 1 of .*names 'train_1\.gif'"),
        (b"img\n", r"Line 1 of .*names 'img'"),
        (b"../../secret\n", r"Line 1 of .*names '\.\./\.\./secret'"),
        (b"inner\n", r"Line 1 of .*names 'inner'.*similar: sub/inner"),
        (b"a\0b\n", r"Line 1 of .*names 'a\\x00b'"),
        (b"x" * 100_000, r"Line 1 of .*names 'xxx"),
        (b" ".join([b"x"] * 100_000), r"Line 1 of .*names 'x x"),
        (b"photo\n\ntrain_1\nphoto.jpg\n", r"list\.txt names 'photo' twice, in line 1 and line 4"),
        (b"tr\xe4in_1\n", r"list\.txt cannot be read as text in UTF-8 or UTF-16 .*save it in UTF-8"),
        (b"\xff\xfet", r"list\.txt cannot be read as text"),
    ],
)
def test_a_bad_list_is_refused_with_its_line(tmp_path, content, complaint):
    """The list and the line are blamed, and similar names are given."""
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=complaint) as error:
        read(path)
    assert len(str(error.value)) < 1500
    assert "\n" not in str(error.value)


def test_bad_lines_are_left_out_and_counted(tmp_path):
    """With `skip_bad`, unknown and repeated names cost their line only."""
    path = tmp_path / "list.txt"
    path.write_text("train_1\nunknown\ntrain_1.jpg\nphoto\n")
    bad_items = BadItems(True, [])
    assert [n.stem for n in read_list(path, KNOWN, "", bad_items)] == ["train_1", "photo"]
    assert bad_items.counts == {"unusable_lines": 2}
    assert known_stems(path, KNOWN) == ("train_1", "photo")


@pytest.mark.parametrize("folder", ["ImageSets/Segmentation", "ImageSets/Main", "ImageSets", "."])
@pytest.mark.parametrize("name", ["train", "train.txt"])
def test_lists_are_found_in_the_folders_of_voc(tmp_path, folder, name):
    """A list may lie in any of the folders of image sets, or in the folder of the data set."""
    path = tmp_path / folder / "train.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("train_1")
    assert find_list(tmp_path, name) == path
    assert require_list(tmp_path, name, "dataset.train") == path


def test_a_missing_list_is_refused_with_those_that_exist(tmp_path):
    """The message names the key, the folders and the lists that could be meant."""
    (tmp_path / "ImageSets/Main").mkdir(parents=True)
    assert find_list(tmp_path, "train") is None
    with pytest.raises(InputError, match=r"dataset\.train names the list 'train', but train\.txt .* Write a text file"):
        require_list(tmp_path, "train", "dataset.train")
    (tmp_path / "ImageSets/Main/default.txt").write_text("train_1")
    with pytest.raises(InputError, match=r"lists that exist \(default\), or write a text file .* per line, or else\."):
        require_list(tmp_path, "train", "dataset.train", ", or else")
    with pytest.raises(InputError, match="stays inside"):
        require_list(tmp_path, "../train", "dataset.train")


def test_files_are_indexed_by_stem(tmp_path):
    """Suffixes in any case, dots in names and subfolders are understood; hidden and other files are not listed."""
    names = ("a.JPG", "b.v2.jpeg", "sub/c.png", "._d.jpg", "e.txt", "cafe\u0301.tif", "f.bmp", "f.webp")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    index = StemIndex.of(tmp_path, (".jpg", ".jpeg", ".png", ".tif", ".bmp", ".webp"), "photograph")
    assert set(index.names) == {"a", "b.v2", "sub/c", "caf\u00e9", "f"}
    assert [index.find(stem) for stem in ("a", "b.v2", "sub/c")] == ["a.JPG", "b.v2.jpeg", "sub/c.png"]
    with pytest.raises(InputError, match=r"f\.bmp and f\.webp, either of which could be the photograph 'f'"):
        index.find("f")
    with pytest.raises(InputError, match=r"has no photograph 'e' \(\.jpg, "):
        index.find("e")
    assert not StemIndex.of(tmp_path / "missing", (".jpg",), "photograph").names


def test_all_bad_lines_are_listed_at_once(tmp_path):
    """Mending one at a time would take a run for each; very long lists of them are cut."""
    path = tmp_path / "list.txt"
    path.write_text("photo\n" + "".join(f"unknown{number}\n" for number in range(14)))
    with pytest.raises(InputError) as error:
        read_list(path, ["photo"], "there is no photograph", BadItems(skip=False, tasks=[]))
    lines = str(error.value).splitlines()
    assert [f"'unknown{number}'" in line for number, line in enumerate(lines)] == [True] * 10 + [False]
    assert lines[-1].startswith("And 4 more.")
    skipping = BadItems(skip=True, tasks=[])
    assert [name.stem for name in read_list(path, ["photo"], "there is no photograph", skipping)] == ["photo"]
    assert skipping.counts["unusable_lines"] == 14
