"""A browser shows the page whole: on a phone and on a wide window, to readers who prefer light and who prefer dark."""

from dataclasses import replace
from pathlib import Path

import pytest

from hypercolumns.annotations.model import AnnotationSet
from tests.reporting.browser import CHROMIUM, look
from tests.reporting.page_project import run_report, write_results

pytestmark = [
    pytest.mark.usefixtures("project"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, for example Debian's package chromium"),
]

WIDTHS = (400, 1300)
SCHEMES = ("light", "dark")
LONG = "a category with a name of very many words"


def with_long_names(annotations):
    categories = (replace(annotations.categories[0], name=LONG), annotations.categories[1])
    first = replace(annotations.images[0], file_name=f"{'folder/' * 20}{'x' * 80}.png")
    return replace(annotations, categories=categories, images=(first, *annotations.images[1:]))


def assert_whole(scheme, images):
    views, messages = look(Path("reports/index.html"), Path(), scheme, WIDTHS)
    assert messages == []
    for view, width in zip(views, WIDTHS, strict=True):
        assert view == {
            "width": width,
            "dark": scheme == "dark",
            "images": images,
            "broken": [],
            "scroll_width": width,
            "wide": [],
            "faint": [],
        }


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_page_is_shown_whole(scheme):
    write_results()
    for split in ("train", "val"):
        path = Path(f"data/annotations/{split}.json")
        annotations = with_long_names(AnnotationSet.load(path))
        annotations.save(path)
    photograph = Path(annotations.image_root) / annotations.images[0].file_name
    photograph.parent.mkdir(parents=True)
    Path("data/images/1.png").rename(photograph)
    assert_whole(scheme, len(run_report().images))


def test_the_page_before_any_stage_is_shown_whole():
    run_report()
    assert_whole("light", 0)


def test_a_page_with_faults_is_found_out():
    """What the other tests look for is seen where it is, so that they can fail."""
    Path("reports").mkdir()
    Path("reports/index.html").write_text(
        "<!doctype html><meta name=color-scheme content='light dark'><body><p style='color:#eee'>pale</p><p>legible</p>"
        "<img alt='not there' src='data:image/webp;base64,AAAA'><div style='width:900px'>far</div>"
        "<div class=scroll style='overflow-x:auto'><p style='width:5000px'>scrolls</p></div>"
        "<script>missing()</script>"
    )
    (narrow, wide), messages = look(Path("reports/index.html"), Path(), "light", WIDTHS)
    assert (narrow["broken"], narrow["faint"]) == (["not there"], ["pale"])
    assert narrow["scroll_width"] > 900
    assert "far" in "".join(narrow["wide"])
    assert (wide["scroll_width"], wide["wide"]) == (1300, [])
    assert all("missing is not defined" in message for message in messages)
    assert len(messages) == 2, "one for each width"
