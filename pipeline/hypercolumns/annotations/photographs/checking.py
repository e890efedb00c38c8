"""Decoding every photograph of a data set once: which can be used, how they are turned, and what they lack."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import existing_folder, map_in_threads
from hypercolumns.annotations.folders import PHOTOGRAPH_SUFFIXES
from hypercolumns.annotations.model import AnnotationSet, Category, Image
from hypercolumns.annotations.photographs.file import PhotographSizeError, open_photograph, shown_size
from hypercolumns.annotations.photographs.opening import MissingImageError
from hypercolumns.annotations.photographs.orientation import Size, orientation_to_apply, turned_size
from hypercolumns.annotations.photographs.rgb import is_one_colour
from hypercolumns.errors import InputError, choices, counted
from hypercolumns.parameters import DatasetParameters

_MAX_LISTED = 10
"""Number of unusable photographs that a message lists."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Usable:
    """A photograph that can be used, and what is to be said about it."""

    image: Image
    undecided_tag: int
    """EXIF orientation that is applied although sizes do not tell whether it should; 1 if there is none."""
    has_more_than_8_bits: bool
    is_one_colour: bool


@dataclass(frozen=True)
class _Unusable:
    """A photograph that cannot be used."""

    path: Path
    reason: str
    """Key of `AnnotationSet.counts`."""
    message: str


def check_photographs(
    annotations: AnnotationSet, settings: DatasetParameters, bad_items: BadItems, *, decode: bool = True
) -> AnnotationSet:
    """Decode every photograph, so that no later step meets one that is missing, truncated or of another size.

    Without `decode`, only its header is read.

    Logs how many photographs have a single colour, have more than 8 bits, or are turned although their sizes do not
    tell whether they should be.

    Returns
    -------
    The annotations with the orientation of each image, without images whose photograph cannot be used.

    Raises
    ------
    InputError
        Listing the photographs that cannot be read, are larger than `settings.maximum_pixels`, or differ in size from
        their annotations, unless `bad_items` skips them; also if no photograph can be used.
    """
    is_annotated = bool(annotations.instances)

    def check(image: Image) -> _Usable | _Unusable:
        # The pixels are not returned: the photographs together may not fit in memory.
        path = annotations.image_path(image)
        try:
            return _check(image, path, settings, is_annotated, decode)
        except InputError as error:
            message = f"{error} It is named by {image.origin}." if image.origin else str(error)
            return _Unusable(path, _reason(error), message)

    results = map_in_threads(check, annotations.images, "photographs")
    usable = [result for result in results if isinstance(result, _Usable)]
    unusable = [result for result in results if isinstance(result, _Unusable)]
    if unusable:
        _refuse_or_leave_out(unusable, annotations, bad_items)
    _log_findings(usable, annotations)
    ids = {result.image.id for result in usable}
    return replace(
        annotations,
        images=tuple(result.image for result in usable),
        instances=tuple(instance for instance in annotations.instances if instance.image_id in ids),
    )


def read_folder(settings: DatasetParameters, categories: tuple[Category, ...]) -> AnnotationSet:
    """Read the photographs in the folder `dataset.val`, without annotations and with the categories of train.

    Folders inside it are searched; hidden files and folders are not. The photographs have the ids 1, 2, ... in the
    order of their paths, and the size that they have when turned as `dataset.orientation` says. Only headers are read:
    `check_photographs` finds what cannot be used.

    Raises
    ------
    InputError
        If the folder does not exist or has no photograph.
    """
    folder = existing_folder(settings.folder, settings.val, "dataset.val")
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in PHOTOGRAPH_SUFFIXES]
    names = sorted(
        path.as_posix()
        for path in paths
        if not (folder / path).is_dir() and not any(part.startswith(".") for part in path.parts)
    )
    if not names:
        raise InputError(
            f"dataset.val names {settings.val!r}, but the folder {folder} has no photographs "
            f"({choices(PHOTOGRAPH_SUFFIXES)})."
        )
    annotations = sorted(path.name for path in folder.glob("*.json"))
    if annotations:
        logger.warning(
            "%s is read without annotations, although it holds %s; to use that file, name it in dataset.val.",
            folder,
            annotations[0],
        )
    try:
        "".join(names).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"The folder {folder} has a file name that is not UTF-8 ({error}); rename the file.") from None

    def size(name: str) -> Size:
        try:
            return shown_size(folder / name, settings.orientation)
        except InputError:
            return 1, 1  # check_photographs refuses it, and lists it with the others

    sizes = map_in_threads(size, names, "headers of photographs")
    return AnnotationSet(
        images=tuple(
            Image(number, name, *size) for number, (name, size) in enumerate(zip(names, sizes, strict=True), 1)
        ),
        categories=categories,
        instances=(),
        image_root=str(folder),
        description=f"photographs of {settings.val}",
    )


def _check(image: Image, path: Path, settings: DatasetParameters, is_annotated: bool, decode: bool) -> _Usable:
    annotated = image.width, image.height
    with open_photograph(path, image.width * image.height) as photograph:
        width, height = photograph.size
        if width * height > settings.maximum_pixels:
            raise InputError(
                f"The photograph {path} has {width} x {height} = {width * height} pixels, more than "
                f"dataset.maximum_pixels, {settings.maximum_pixels}."
            )
        if decode and annotated in (photograph.size, photograph.size[::-1]):
            photograph.decode_png()
        orientation = orientation_to_apply(settings.orientation, photograph.tag, photograph.size, annotated)
        photograph.require_size(annotated, orientation)
        sizes_tell = is_annotated and turned_size(photograph.size, photograph.tag) != photograph.size
        return _Usable(
            replace(image, orientation=orientation),
            undecided_tag=1 if sizes_tell or settings.orientation != "auto" else orientation,
            has_more_than_8_bits=photograph.has_more_than_8_bits,
            is_one_colour=decode and is_one_colour(photograph.pixels(orientation)),
        )


def _reason(error: InputError) -> str:
    if isinstance(error, MissingImageError):
        return "missing_photographs"
    if isinstance(error, PhotographSizeError):
        return "photographs_of_another_size"
    return "unreadable_photographs"


def _refuse_or_leave_out(unusable: Sequence[_Unusable], annotations: AnnotationSet, bad_items: BadItems) -> None:
    """Pass unusable photographs to `bad_items` if it skips them.

    Raises
    ------
    InputError
        Listing them, if they are not skipped or no photograph is left.
    """
    total = len(annotations.images)
    missing = [result.path for result in unusable if result.reason == "missing_photographs"]
    cause = ""
    if 2 * len(missing) > total:
        cause = (
            "Most are missing, so the folder may be the wrong one: see dataset.root, and dataset.images or val_images "
            f"for COCO. The first one looked for is {missing[0].absolute()}."
        )
    if bad_items.skip and len(unusable) < total:
        for result in unusable:
            bad_items.leave_out(result.reason, result.message)
        if cause:
            logger.warning("%s: %s", annotations.description, cause)
        return
    lines = [f"{annotations.description}: {len(unusable)} of {total} photographs cannot be used. {cause}".rstrip()]
    lines += [result.message for result in unusable[:_MAX_LISTED]]
    if len(unusable) > _MAX_LISTED:
        lines.append(f"And {len(unusable) - _MAX_LISTED} more.")
    if len(unusable) < total:
        lines.append("Set dataset.skip_bad to true to leave them out.")
    raise InputError("\n".join(lines))


def _log_findings(usable: Sequence[_Usable], annotations: AnnotationSet) -> None:
    """Say once what is odd about the photographs of a split."""

    def path(result: _Usable) -> Path:
        return annotations.image_path(result.image)

    deep = [result for result in usable if result.has_more_than_8_bits]
    if deep:
        logger.warning(
            "%s: %s with more than 8 bits per value, the first one %s; each is scaled to 8 bits from the smallest of "
            "8, 12 and 16 bits that holds its brightest value.",
            annotations.description,
            counted(len(deep), "photograph"),
            path(deep[0]),
        )
    plain = [result for result in usable if result.is_one_colour]
    if plain:
        logger.warning(
            "%s: %s of a single colour, the first one %s.",
            annotations.description,
            counted(len(plain), "photograph"),
            path(plain[0]),
        )
    tags = Counter(result.undecided_tag for result in usable if result.undecided_tag != 1)
    if tags:
        logger.warning(
            "%s: %s with an EXIF orientation (%s) that sizes neither confirm nor contradict, the first one %s. It is "
            "applied, as viewers do; dataset.orientation: ignore leaves photographs as they are stored.",
            annotations.description,
            counted(tags.total(), "photograph"),
            ", ".join(f"tag {tag}: {count}" for tag, count in sorted(tags.items())),
            path(next(result for result in usable if result.undecided_tag != 1)),
        )
