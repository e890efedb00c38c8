"""The photographs that paths on a command line stand for."""

from collections.abc import Sequence
from pathlib import Path

from hypercolumns.annotations.folders import PHOTOGRAPH_SUFFIXES
from hypercolumns.errors import InputError, choices
from hypercolumns.input_files import LONGEST_NAME, is_folder


def find_photographs(paths: Sequence[Path], out: Path) -> dict[str, Path]:
    """List photographs by the name that their answers get.

    A file has its own name; files in a folder, found at any depth, have their path below it. Hidden ones are left out,
    and those in the output folder `out`, which may lie in the folder of photographs.

    Raises
    ------
    InputError
        If a folder has no photograph or is not named in UTF-8, as JSON needs it, or two photographs would have the same
        name.
    """
    found: dict[str, Path] = {}
    names: dict[str, str] = {}
    for path in paths:
        folder = str(path.absolute() if is_folder(path) else path.absolute().parent)
        if printable(folder) != folder:
            raise InputError(f"The name of the folder {printable(folder)} is not UTF-8; rename it.")
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


def require_usable_name(name: str) -> None:
    """Refuse a photograph that answers cannot be named after.

    Raises
    ------
    InputError
        If its name, or that of a folder, is not UTF-8 or too long.
    """
    try:
        longest = max(len(part.encode()) for part in name.split("/"))
    except UnicodeEncodeError:
        raise InputError(f"The name of the photograph {printable(name)} is not UTF-8; rename it.") from None
    if longest > LONGEST_NAME:
        raise InputError(f"The name of the photograph {name[:40]}... has more than {LONGEST_NAME} bytes; rename it.")


def printable(name: str) -> str:
    """Name with an escape sequence for each byte that is not UTF-8."""
    return name.encode(errors="backslashreplace").decode()


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
