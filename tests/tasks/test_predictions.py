"""Predictions in files: written in the order of a results file, however they are spread over pieces."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hypercolumns.annotations.results import Results, write_results
from hypercolumns.errors import InputError
from hypercolumns.scratch.checked_files import save_arrays
from hypercolumns.tasks import prediction, predictions
from hypercolumns.tasks.predictions import Prediction, Predictions, to_arrays
from tests.damages import DAMAGES

NO_HEAT = np.empty((0, 0, 0), np.uint8)


def keep(folder: Path, pieces: list[Results]) -> Predictions:
    """Write the results of one kind, and others of another kind and model that must not be mixed with them."""
    files = [folder / f"{number}.npz" for number in range(len(pieces))]
    for file, results in zip(files, pieces, strict=True):
        found = Prediction(np.arange(len(results)), NO_HEAT, list(results))
        other = Prediction(np.arange(1), NO_HEAT, [{"image_id": 1, "score": 9.0, "text": "other"}])
        save_arrays(file, to_arrays([{"detection": other, "a": other}, {"detection": found, "a": other}]))
    return Predictions(files, 1, "detection")


@pytest.mark.parametrize("in_memory", [1, 3, 1000])
def test_results_are_written_as_if_they_were_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    """With equal images and scores, entries without a score and text that is not ASCII; some pieces are empty."""
    monkeypatch.setattr(predictions, "_LINES_IN_MEMORY", in_memory)
    rng = np.random.default_rng(0)
    results: list[dict[str, object]] = [
        {
            "image_id": int(rng.integers(1, 9)),
            "score": float(rng.integers(0, 3)) / 2,
            "text": f"\u00e9{rng.integers(5)}",
        }
        for _ in range(60)
    ]
    for result in results[::7]:
        del result["score"]
    pieces = [results[:20], [], results[20:21], results[21:], []]
    kept = keep(tmp_path, pieces)
    assert kept.write_results(tmp_path / "out" / "streamed.json") == 60
    write_results(results, tmp_path / "sorted.json")
    assert (tmp_path / "out" / "streamed.json").read_bytes() == (tmp_path / "sorted.json").read_bytes()
    assert list(kept.results()) == results


def test_nothing_predicted_is_an_empty_list(tmp_path: Path) -> None:
    assert keep(tmp_path, [[], []]).write_results(tmp_path / "out.json") == 0
    assert (tmp_path / "out.json").read_text() == "[]\n"


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_piece_that_was_damaged_meanwhile_ends_the_writing(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    kept = keep(tmp_path, [[{"image_id": 1}], [{"image_id": 2}]])
    damage(kept.files[1])
    with pytest.raises(InputError, match=r"1\.npz is damaged or was deleted"):
        kept.write_results(tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(("regions", "parts_per_piece"), [(0, 1), (100, 1), (50_000, 3), (1_000_000, 16)])
def test_pieces_are_whole_parts_that_grow_with_the_store(regions: int, parts_per_piece: int) -> None:
    pieces = prediction._pieces(regions)
    assert [row for piece in pieces for row in range(piece.start, piece.stop)] == list(range(regions))
    assert {piece.stop - piece.start for piece in pieces[:-1]} <= {64 * parts_per_piece}
