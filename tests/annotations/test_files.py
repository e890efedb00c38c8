"""Paths, text files and threads: valid input is read unchanged, invalid input is refused by name."""

import pytest

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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_in_the_encodings_of_windows(tmp_path, encoding):
    """UTF-8 with and without a byte order mark, and UTF-16, give the same text."""
    (tmp_path / "a.txt").write_bytes("Gr\u00fc\u00dfe\n".encode(encoding))
    assert files.read_text(tmp_path / "a.txt", "list") == "Gr\u00fc\u00dfe\n"


@pytest.mark.parametrize("content", ["Gr\u00fc\u00dfe".encode("latin-1"), b"\xff\xfe\x00"])
def test_other_encodings_are_refused_by_name(tmp_path, content):
    """The message names the file and how to save it."""
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"The list .*a\.txt cannot be read as text .* save it in UTF-8"):
        files.read_text(tmp_path / "a.txt", "list")
    with pytest.raises(InputError, match=r"The list .*b\.txt cannot be read: "):
        files.read_text(tmp_path / "b.txt", "list")


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
