"""Photographs are found by the names that annotation files give them, however other systems spell these."""

import unicodedata

import pytest

from hypercolumns.errors import InputError
from tests.annotations import drawings
from tests.annotations.drawings import SCENES, TRAIN, VAL, coco, draw_all, drawn, found, read, read_files, write

SPELLINGS = {
    "separators of Windows": lambda name: f"photos\\sub\\{name}",
    "a path of another computer": lambda name: f"C:\\Users\\José\\photos\\sub\\{name}",
    "a path from the root": lambda name: f"/home/ann/photos/sub/{name}",
    "a path upwards": lambda name: f"../photos/sub/{name}",
    "codes of a URL": lambda name: f"sub/{name.replace('é', '%C3%A9').replace(' ', '%20')}",
    "codes and separators": lambda name: f"photos%5Csub%5C{name.replace('é', '%C3%A9').replace(' ', '%20')}",
    "decomposed accents": lambda name: unicodedata.normalize("NFD", f"photos/sub/{name}"),
    "composed accents": lambda name: unicodedata.normalize("NFC", f"photos/sub/{name}"),
    "capitals": lambda name: f"Photos/Sub/{name.upper()}",
    "a dot": lambda name: f"./sub//{name}",
    "only the name, with the folder's": lambda name: f"photos/sub/{name}",
}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_names_are_found_as_other_systems_spell_them(tmp_path, spelling, form):
    """macOS decomposes accents, Windows has other separators and ignores case, servers write URLs."""
    content = coco()
    expected = {}
    for image, name in zip(content["images"], SCENES, strict=True):
        shown = f"été {name}"
        stored = unicodedata.normalize(form, shown)
        drawings.draw(tmp_path / "photos/sub" / stored, SCENES[name])
        image["file_name"] = SPELLINGS[spelling](shown)
        expected[f"sub/{stored}"] = drawn()[name]
    write(tmp_path / "all.json", content)
    sets = read(tmp_path, train="all.json", images="photos", val_share=0.5)
    assert found(*sets.values()) == expected


def test_photographs_that_differ_in_case_only_are_told_apart(tmp_path):
    """An exact name is taken first; a name that fits two files is not found."""
    draw_all(tmp_path / "photos")
    drawings.draw(tmp_path / "photos/A.jpg", SCENES["train01.jpg"])
    drawings.draw(tmp_path / "photos/a.jpg", SCENES["train01.jpg"])
    content = coco(("train01.jpg",))
    content["images"][0]["file_name"] = "sub/A.jpg"
    write(tmp_path / "train.json", content)
    write(tmp_path / "val.json", coco(VAL))
    settings = {"train": "train.json", "val": "val.json", "images": "photos"}
    assert list(found(read(tmp_path, **settings)["train"])) == ["A.jpg"]
    content["images"][0]["file_name"] = "A.JPG"
    write(tmp_path / "train.json", content)
    with pytest.raises(InputError, match=r"A\.JPG does not exist"):
        read(tmp_path, **settings)


def test_two_names_of_one_photograph_are_refused(tmp_path):
    """Folders that the data set lacks must not make two photographs one."""
    content = coco(TRAIN)
    content["images"][1]["file_name"] = "camera2/train01.jpg"
    with pytest.raises(InputError, match=r"file name 'train01\.jpg' twice, for the images 1 and 2"):
        read_files(tmp_path, content)


@pytest.mark.parametrize("name", ["x" * 300 + ".jpg", "a\0.jpg", "../../etc/passwd", "//", "?", "%"])
def test_names_that_are_not_of_photographs_are_refused(tmp_path, name):
    """No name leads out of the folder or ends in a traceback."""
    content = coco(TRAIN)
    content["images"][0]["file_name"] = name
    with pytest.raises(InputError):
        read_files(tmp_path, content)
