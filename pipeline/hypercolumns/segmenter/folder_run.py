"""Answers for many photographs, written to a folder; an interrupted run goes on where it was."""

import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.annotations.photographs.opening import no_size_warnings
from hypercolumns.detection.results import named_in_file
from hypercolumns.errors import InputError, counted
from hypercolumns.input_files import is_folder, read_json
from hypercolumns.places.atomic import atomic_write
from hypercolumns.scratch.digests import digest
from hypercolumns.scratch.work import key_folder, locked
from hypercolumns.segmenter.files import find_photographs, printable, require_usable_name
from hypercolumns.segmenter.heat_outputs import write_heat
from hypercolumns.segmenter.outputs import record, write_all, write_pictures
from hypercolumns.segmenter.photographs import Photograph
from hypercolumns.segmenter.segmenter import Segmenter

_SCRATCH = ".unfinished"
"""Folder of unfinished work in the output folder."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Summary:
    """Counts of what a run has written."""

    photographs: int
    objects: int
    failed: Mapping[str, str]
    """Reason by name of each photograph that was left out."""


def segment_files(
    segmenter: Segmenter, paths: Sequence[Path], out: Path, *, boxes: Path | None = None, pictures: bool = True
) -> Summary:
    """Answer for photographs, and for those in folders, and write pictures and answers to the folder `out`.

    A photograph that cannot be read is named, left out and counted. See `outputs` for the files.

    Parameters
    ----------
    out
        A folder that does not exist or is empty, or in which the same run was interrupted.
    boxes
        COCO results with boxes; `image_id` is the name of a photograph, with or without its suffix.
    pictures
        Whether to write overlays and images of instance numbers.

    Raises
    ------
    InputError
        If `out` has other files, no photograph can be read, or the file of boxes is unusable.
    """
    files = find_photographs(paths, out)
    _require_empty(out, but=_SCRATCH)
    items, failed = _open(files, boxes, segmenter)
    key = {
        "model": segmenter.bundle.manifest.encode().decode(),
        "tasks": list(segmenter.tasks),
        "score": segmenter.minimum_score,
        "boxes": digest(boxes) if boxes else None,
        "pictures": pictures,
        "files": [[name, str(path.absolute()), *_state(path)] for name, path in files.items()],
    }
    with no_size_warnings(), locked(out / _SCRATCH):
        folder = key_folder(key, out / _SCRATCH / "segment")
        _require_continued(out, folder)
        folder.mkdir(parents=True, exist_ok=True)
        records, results = [], {task: list[Any]() for task in segmenter.tasks}
        images = []
        for item, content in _answered(segmenter, items, folder, out, pictures):
            if "error" in content:
                failed[item.image.file_name] = content["error"]
                continue
            images.append(item.image)
            records.append(content["record"])
            for task, of_task in content["results"].items():
                results[task] += of_task
        if not records:
            raise InputError(_none_readable(files))
        base = paths[0].absolute() if len(paths) == 1 and paths[0].is_dir() else _common_folder(files)
        write_all(out, images, segmenter.categories, records, results, failed, base)
        shutil.rmtree(out / _SCRATCH, ignore_errors=True)
    return Summary(len(records), sum(len(entry["objects"]) for entry in records), failed)


def heat_of_files(segmenter: Segmenter, paths: Sequence[Path], out: Path, *, boxes: Path | None = None) -> Summary:
    """Write the heat maps of photographs to a folder that does not exist or is empty; see `heat_outputs`.

    Raises
    ------
    InputError
        As `segment_files`.
    """
    files = find_photographs(paths, out)
    _require_empty(out)
    items, failed = _open(files, boxes, segmenter)
    objects = []
    with no_size_warnings(), tqdm(total=len(items), unit=" photographs", dynamic_ncols=True) as progress:
        for item, answers in zip(items, segmenter.map(items), strict=True):
            if isinstance(answers, InputError):
                with progress.external_write_mode():
                    logger.error("%s", answers)
                failed[item.image.file_name] = str(answers)
            else:
                for task in segmenter.tasks:
                    write_heat(answers, task, out)
                objects.append(len(answers))
            progress.update()
    if not objects:
        raise InputError(_none_readable(files))
    return Summary(len(objects), sum(objects), failed)


def _require_empty(out: Path, but: str | None = None) -> None:
    """Refuse an output folder that cannot be made, or has files, unless it has the folder `but`."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{out} is a file or lies in one; name another folder with -o.") from None
    except (OSError, ValueError) as error:
        if isinstance(error, PermissionError):
            raise
        raise InputError(f"The folder {out} cannot be made ({error}); name another one with -o.") from None
    if any(out.iterdir()) and not (but and is_folder(out / but)):
        raise InputError(f"{out} exists and is not empty; name another folder with -o.")


def _require_continued(out: Path, folder: Path) -> None:
    """Refuse an output folder that has answers, unless the same run, whose work is in `folder`, left them."""
    if folder.exists() or all(path.name == _SCRATCH for path in out.iterdir()):
        return
    if not folder.parent.exists():  # another run has finished while this one waited
        shutil.rmtree(out / _SCRATCH, ignore_errors=True)
        raise InputError(f"{out} exists and is not empty; name another folder with -o.")
    raise InputError(
        f"{out} has the unfinished answers of another run: other photographs, options, model or version; delete it, or "
        "name another folder with -o."
    )


def _open(
    files: Mapping[str, Path], boxes: Path | None, segmenter: Segmenter
) -> tuple[list[Photograph], dict[str, str]]:
    """Photographs whose header can be read, numbered from 1, with their boxes, and the reasons why others cannot."""
    items, failed = [], {}
    for number, (name, path) in enumerate(files.items(), 1):
        try:
            require_usable_name(name)
            with no_size_warnings():
                items.append(Photograph.of(path, number, name))
        except InputError as error:
            logger.error("%s", error)
            failed[printable(name)] = str(error)
    if not items:
        raise InputError(_none_readable(files))
    return items if boxes is None else _with_boxes(items, boxes, segmenter), failed


def _none_readable(files: Mapping[str, Path]) -> str:
    return f"None of the {counted(len(files), 'photograph')} could be read."


def _with_boxes(items: Sequence[Photograph], path: Path, segmenter: Segmenter) -> list[Photograph]:
    annotations = AnnotationSet(tuple(item.image for item in items), segmenter.categories, (), "")
    try:
        by_image = named_in_file(path, annotations)
    except InputError as error:
        raise InputError(f"--boxes: {error}") from None
    return [replace(item, boxes=by_image[item.image.id]) for item in items]


def _answered(
    segmenter: Segmenter, items: Sequence[Photograph], folder: Path, out: Path, pictures: bool
) -> Iterator[tuple[Photograph, dict[str, Any]]]:
    """Yield every photograph with what is kept of its answers, computing what an interrupted run did not."""
    kept = {item.image.id: _load(_file(folder, item.image)) for item in items}
    missing = [item for item in items if kept[item.image.id] is None]
    with tqdm(total=len(items), initial=len(items) - len(missing), unit=" photographs", dynamic_ncols=True) as progress:
        answered = segmenter.map(missing)
        for item in items:
            content = kept[item.image.id]
            if content is None:
                answers = next(answered)
                if isinstance(answers, InputError):
                    with progress.external_write_mode():
                        logger.error("%s", answers)
                    progress.update()
                    yield item, {"error": str(answers)}
                    continue
                if pictures:
                    write_pictures(answers, segmenter.categories, out)
                content = {
                    "record": record(answers, segmenter.categories),
                    "results": {task: answers.coco_results(task) for task in segmenter.tasks},
                }
                with atomic_write(_file(folder, item.image)) as stream:
                    stream.write(json.dumps(content).encode())
                progress.update()
            yield item, content


def _file(folder: Path, image: Image) -> Path:
    return folder / f"{image.id}.json"


def _state(path: Path) -> tuple[int, int]:
    """Size and time of a file, which tell whether it was replaced while a run was interrupted."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _load(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = read_json(path)
    except (OSError, ValueError):
        return None
    return content


def _common_folder(files: Mapping[str, Path]) -> Path:
    folders = {path.absolute().parent for path in files.values()}
    return folders.pop() if len(folders) == 1 else Path()
