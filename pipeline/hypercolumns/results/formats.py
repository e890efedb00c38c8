"""Registry of the formats of results, and their conversion."""

import logging
import math
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hypercolumns.errors import InputError, choices, counted
from hypercolumns.input_files import LONGEST_NAME
from hypercolumns.results import coco_dataset, labelme, parquet, voc, yolo
from hypercolumns.results.options import Options
from hypercolumns.results.predictions import Predictions, read_predictions
from hypercolumns.scratch.publishing import publish

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ResultFormat:
    """A format that results are written in."""

    name: str
    """The value of `--to`."""
    write: Callable[[Predictions, Path, Options], None]
    """Writes a file or folder at a path where there is an empty folder or nothing; raises an `InputError`."""
    file_suffixes: tuple[str, ...] = ()
    """Suffixes, in lower case, of outputs that are single files."""
    is_file: bool = False
    """Whether every output is a single file."""


FORMATS: dict[str, ResultFormat] = {}
"""Formats by name."""


def register_result_format(new: ResultFormat) -> None:
    """Make `hypercolumns results --to` accept `new.name`; a format of the same name is replaced."""
    FORMATS[new.name] = new


register_result_format(ResultFormat("coco-dataset", coco_dataset.write, file_suffixes=(".json",)))
register_result_format(ResultFormat("voc", voc.write))
register_result_format(ResultFormat("parquet", parquet.write, file_suffixes=(".parquet",), is_file=True))
register_result_format(ResultFormat("yolo", yolo.write))
register_result_format(ResultFormat("labelme", labelme.write))


def convert_results(
    results: Path, annotations: Path, out: Path, to: str, *, minimum_score: float = 0.5, options: Options | None = None
) -> Predictions:
    """Write COCO results in another format.

    It is written beside `out` and renamed when it is complete.

    Parameters
    ----------
    results
        JSON: a list of COCO results, such as `data/predictions/segmentation.json`.
    annotations
        A COCO file with the photographs and categories of the results, such as `data/annotations/val.json`.
    out
        The file or folder to write.
    to
        A key of `FORMATS`.
    minimum_score
        Lowest score that is written.
    options
        How masks and keypoints are written; the defaults of `Options` if omitted.

    Returns
    -------
    What was written.

    Raises
    ------
    InputError
        If the format is unknown, the score is NaN, `out` exists and is not an empty folder, an input is malformed
        (`read_predictions`), or the format cannot hold it.
    """
    if to not in FORMATS:
        raise InputError(f"--to is {to!r}; choose from {choices(FORMATS)}.")
    if math.isnan(minimum_score):
        raise InputError("--score is not a number.")
    chosen = FORMATS[to]
    out = _free_place(out, chosen)
    predictions = read_predictions(results, annotations, minimum_score)
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".results.", dir=out.parent))
    try:
        work = beside / out.name
        if not _is_single_file(out, chosen):
            work.mkdir()
        chosen.write(predictions, work, options or Options())
        publish(work, out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    n_results = sum(map(len, predictions.by_image.values()))
    n_images = len(predictions.images)
    logger.info("%s: %s in %s", out, counted(n_results, "result"), counted(n_images, "photograph"))
    return predictions


def _is_single_file(out: Path, chosen: ResultFormat) -> bool:
    return chosen.is_file or out.suffix.lower() in chosen.file_suffixes


def _free_place(out: Path, chosen: ResultFormat) -> Path:
    """Absolute path of `out`, where there is an empty folder or nothing.

    Raises
    ------
    InputError
        If there is anything else: what people have corrected must not be lost.
    """
    path = out.absolute()
    if chosen.is_file and path.suffix.lower() not in chosen.file_suffixes:
        raise InputError(f"--to {chosen.name} writes a file; give -o a name that ends in {chosen.file_suffixes[0]}.")
    try:
        is_taken = path.is_symlink() or path.exists()
        is_empty_folder = path.is_dir() and not path.is_symlink() and not any(path.iterdir())
        is_current = is_empty_folder and path.samefile(Path.cwd())
        existing = next(parent for parent in path.parents if parent.exists())
        if not existing.is_dir():
            raise InputError(f"{out} cannot be written: {existing} is not a folder.")
        if len(path.name.encode()) > LONGEST_NAME:
            raise InputError(f"{out.name[:40]}... has more than {LONGEST_NAME} bytes; give -o a shorter name.")
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{out} cannot be written: {error}.") from None
    if is_current:
        raise InputError(f"{out} is the current folder; give -o a folder in it.")
    if is_taken and not (is_empty_folder and not _is_single_file(path, chosen)):
        raise InputError(
            f"{out} exists and is not replaced, since it may hold corrections; choose another name or remove it."
        )
    return path
