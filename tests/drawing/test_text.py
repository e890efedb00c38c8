"""Text is drawn in any script that the fonts have; what they lack is visible and is not a question mark."""

import cv2
import numpy as np
import pytest

from hypercolumns.drawing import text
from hypercolumns.drawing.text import elide, line_height, text_mask, text_width

needs_opencv_5 = pytest.mark.skipif(not hasattr(cv2, "FontFace"), reason="OpenCV 4 has no fonts")


@pytest.mark.parametrize("size", [8, 14, 70])
@pytest.mark.parametrize("words", ["person 0.95", pytest.param("é 中 Ж", marks=needs_opencv_5)])
def test_text_fills_its_line_and_grows_with_its_size(words, size):
    mask = text_mask(words, size)
    assert mask.shape == (line_height(size), text_width(words, size))
    rows, columns = np.nonzero(mask > 100)
    assert np.ptp(rows) > 0.5 * size
    assert np.ptp(columns) > 0.8 * mask.shape[1]


@pytest.mark.parametrize("character", ["é", "中", "Ж", "Ω", "ß", "한"])
@needs_opencv_5
def test_letters_of_other_scripts_are_themselves(character):
    """Neither question marks nor empty boxes, nor the letter without its accent."""
    others = [text_mask(other, 40) for other in ("?", "\u25a1", "\u0e01", "e")]
    assert not any(np.array_equal(text_mask(character, 40), other) for other in others)


@pytest.mark.parametrize("character", ["\u0e01", "\U0001f600"])
@needs_opencv_5
def test_a_character_that_no_font_has_is_an_empty_box(character):
    mask = text_mask(character, 40) > 100
    assert mask.any()
    count, _ = cv2.connectedComponents((~mask).astype(np.uint8), connectivity=4)
    assert count == 3, "the mask itself, the ground around the box and the one inside it"


@pytest.mark.parametrize("character", ["\u0e01", "\U0001f600", "中"])
def test_without_opencv_5_a_character_of_another_script_is_a_box_with_a_cross(character, monkeypatch):
    monkeypatch.delattr(cv2, "FontFace", raising=False)
    mask = text_mask.__wrapped__(character, 40) > 100
    count, _ = cv2.connectedComponents((~mask).astype(np.uint8), connectivity=4)
    assert count >= 6, "the mask itself, the ground around the box and the four parts between its diagonals"


def test_without_opencv_5_accents_are_left_out(monkeypatch):
    monkeypatch.delattr(cv2, "FontFace", raising=False)
    assert np.array_equal(text_mask.__wrapped__("café", 20), text_mask("cafe", 20))


@needs_opencv_5
def test_a_letter_and_its_combining_accent_are_one_character():
    assert np.array_equal(text_mask("e\u0301", 20), text_mask("é", 20))


def test_line_breaks_become_spaces():
    assert np.array_equal(text_mask("a\nb", 20), text_mask("a b", 20))


def test_a_question_mark_is_one():
    assert text._opencv_has("?") if hasattr(cv2, "FontFace") else text._pillow_has("?")


def test_a_long_text_is_cut_to_the_width_with_an_ellipsis():
    cut = elide("dining table 0.95", 14, 60)
    assert cut.endswith("…")
    assert "dining table 0.95".startswith(cut[:-1])
    assert 40 < text_width(cut, 14) <= 60
    assert elide("cat", 14, 60) == "cat"
    assert elide("cat " * 30_000, 14, 60) == elide("cat " * 30, 14, 60)  # Pillow would warn of the former's width
    assert elide("cat", 14, 3) == ""


@pytest.mark.parametrize("size", [8, 14, 34])
def test_no_longer_cut_has_room(size):
    """The longest beginning that fits is kept, as trying every length shows."""
    rng = np.random.default_rng(size)
    for _ in range(50):
        words = "x" + "".join(rng.choice(list("AVTofil. "), rng.integers(1, 25))) + "x"
        width = int(rng.integers(1, text_width(words, size)))
        cuts = [f"{words[:length].rstrip()}…" for length in range(1, len(words))]
        assert elide(words, size, width) == next((c for c in cuts[::-1] if text_width(c, size) <= width), "")
