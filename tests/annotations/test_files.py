"""Paths, list files and label images: valid ones are read unchanged, invalid ones are refused by name."""

import numpy as np
import pytest
from PIL import Image

from hypercolumns.annotations import files
from hypercolumns.errors import InputError


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "a/../../b", "C:\\a", "..\\a", "", " ", "a\0b"])
def test_paths_that_leave_the_data_set_are_refused(tmp_path, name):
    """Absolute, empty and climbing paths are refused, in the notation of either system."""
    with pytest.raises(InputError, match="stays inside"):
        files.path_inside(tmp_path, name, "a list")


def test_subfolders_are_allowed(tmp_path):
    """A name may lead into a folder of the data set."""
    assert files.path_inside(tmp_path, "val2017/0001.jpg", "a list") == tmp_path / "val2017" / "0001.jpg"


def test_a_list_is_read_in_its_order_without_blank_lines(tmp_path):
    """Blank lines, surrounding spaces and Windows line ends do not matter."""
    path = tmp_path / "list.txt"
    path.write_text("b\r\n\n a \nc")
    assert files.read_stems(path) == ("b", "a", "c")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"a\nb\na\n", "'a' twice"),
        (b"a\n../b\n", "b'"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_bad_list_is_refused(tmp_path, content, complaint):
    """Empty lists, repeated names, names outside the data set and other encodings are refused with the file's name."""
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=complaint) as error:
        files.read_stems(path)
    assert str(path) in str(error.value)


def test_a_palette_image_gives_its_indices_not_its_colours(tmp_path):
    """Labels are the indices of a palette image, whatever its palette is."""
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    image = Image.fromarray(labels, mode="P")
    image.putpalette([255 - i // 3 for i in range(768)])
    image.save(tmp_path / "labels.png")
    np.testing.assert_array_equal(files.read_label_image(tmp_path / "labels.png", (4, 3)), labels)


def test_a_coloured_mask_is_refused(tmp_path):
    """A mask with colours has no indices to read."""
    Image.new("RGB", (4, 3)).save(tmp_path / "labels.png")
    with pytest.raises(InputError, match="palette"):
        files.read_label_image(tmp_path / "labels.png", (4, 3))


def test_map_in_threads_keeps_the_order_and_raises_the_first_error():
    """Results come in the order of the items, and so does the error that is raised."""
    assert files.map_in_threads(lambda n: n * n, range(50), "squares") == [n * n for n in range(50)]

    def fail(number: int) -> None:
        if number in (3, 40):
            raise InputError(f"number {number}")

    with pytest.raises(InputError, match="number 3"):
        files.map_in_threads(fail, range(50), "failures")


def test_symbolic_links_are_followed(tmp_path):
    """A folder of the data set may be a link to another place."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "JPEGImages").symlink_to(tmp_path / "elsewhere")
    assert files.require_folder(tmp_path / "root" / "JPEGImages", "photographs").is_dir()
