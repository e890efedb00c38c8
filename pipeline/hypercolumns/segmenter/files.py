"""The photographs that paths on a command line stand for."""

from collections.abc import Sequence
from pathlib import Path

from hypercolumns.annotations.folders import PHOTOGRAPH_SUFFIXES
from hypercolumns.errors import InputError, choices
from hypercolumns.input_files import is_folder


def find_photographs(paths: Sequence[Path], out: Path) -> dict[str, Path]:
    """List photographs by the name that their answers get.

    A file has its own name; files in a folder, found at any depth, have their path below it. Hidden ones are left out,
    and those in the output folder `out`, which may lie in the folder of photographs.

    Raises
    ------
    InputError
        If a folder has no photograph, or two photographs would have the same name.
    """
    found: dict[str, Path] = {}
    names: dict[str, str] = {}
    for path in paths:
        for name, file in _of_path(path, out.resolve()):
            # Answers are files with the name's stem, and some file systems ignore letter case.
            stem = str(Path(name).with_suffix("")).casefold()
            if stem in names and found[names[stem]].resolve() != file.resolve():
                raise InputError(
                    f"The answers for {found[names[stem]]} and {file} would have the same name; call the command once "
                    "for each of their folders, or rename one."
                )
            if stem not in names:
                names[stem], found[name] = name, file
    return found


def _of_path(path: Path, out: Path) -> list[tuple[str, Path]]:
    if not is_folder(path):
        return [(path.name, path)]
    below_path = path.resolve() in out.parents
    below = (file.relative_to(path) for file in path.rglob("*") if file.suffix.lower() in PHOTOGRAPH_SUFFIXES)
    shown = sorted(
        name.as_posix()
        for name in below
        if not any(part.startswith(".") for part in name.parts)
        and not (below_path and out in (path / name).resolve().parents)
        and (path / name).is_file()
    )
    if not shown:
        raise InputError(f"The folder {path} has no photographs ({choices(PHOTOGRAPH_SUFFIXES)}).")
    return [(name, path / name) for name in shown]
