"""`hypercolumns verify`: check stores and trained models whole, list all damage, and repair stores."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hypercolumns.cli.command import command
from hypercolumns.errors import InputError, counted
from hypercolumns.input_files import is_file

if TYPE_CHECKING:
    from hypercolumns.stores.verification import Verification


@command
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--repair", is_flag=True, help="Restore damaged stores of the pipeline in the current folder.")
@click.option("--params", default="params.yaml", type=click.Path(path_type=Path), help="Parameter file for --repair.")
def main(path: Path, repair: bool, params: Path) -> None:
    """Check stores or a trained model for damage.

    The store at PATH, or all stores below it, are checked against schemas and checksums.

    If PATH is a trained model, a folder or a ZIP file, its files are checked against its manifest. Every damage is one
    line. The exit code is 0 if all is sound, 1 otherwise. With --repair, only what is damaged is computed again.
    """
    # Imported here so that `--help` does not wait for Zarr.
    from hypercolumns.bundle.manifest import NAME
    from hypercolumns.stores.verification import find_stores

    if is_file(path) or is_file(path / NAME):
        if not _is_sound_model(path, repair):
            raise SystemExit(1)
        return
    stores = find_stores(path)
    unsound = 0
    for store in stores:
        try:
            unsound += not _is_sound(store, params if repair else None)
        except (InputError, OSError) as error:
            if len(stores) == 1:
                raise
            unsound += 1
            click.echo(f"Error: {error}", err=True)
    if unsound:
        raise SystemExit(1)


def _is_sound_model(path: Path, repair: bool) -> bool:
    """Check a trained model and print what was found; for `repair`, damage ends in an error that says what to do."""
    from hypercolumns.bundle.archive import as_folder
    from hypercolumns.bundle.manifest import Manifest

    cure = f"{path} is not repaired: delete it and run `dvc repro bundle`, or copy it again from where it came."
    try:
        with as_folder(path) as folder:
            manifest = Manifest.read(folder, path)
            faults = list(manifest.faults(folder))
    except InputError as error:
        raise (InputError(f"{error} {cure}") if repair else error) from None
    name = click.format_filename(path)
    for fault in faults:
        click.echo(f"{name}: {fault}")
    state = counted(len(faults), "damage") if faults else "sound"
    click.echo(f"{name}: {state}, {counted(len(manifest.files), 'file')} and the manifest")
    if faults and repair:
        raise InputError(cure)
    return not faults


def _is_sound(store: Path, params: Path | None) -> bool:
    """Verify a store and repair it with the parameters in the file `params`, if it is given."""
    found = _verify(store)
    if found.is_sound or params is None:
        return found.is_sound
    # Imported here since most stores are sound.
    from hypercolumns.parameters import Parameters
    from hypercolumns.steps import repair_store
    from hypercolumns.workspace import Workspace

    if not params.exists():
        raise InputError(f"{store} is not repaired: there is no {params}; run the command in the pipeline's folder.")
    repair_store(Parameters.load(params), Workspace(), found)
    click.echo(f"{click.format_filename(store)}: repaired")
    return _verify(store).is_sound


def _verify(store: Path) -> "Verification":
    """Verify a store with a progress bar, and print what was found."""
    from tqdm import tqdm

    from hypercolumns.stores.files import Files
    from hypercolumns.stores.references import is_reference
    from hypercolumns.stores.verification import verify

    name = click.format_filename(store)
    total = None if is_reference(store) else sum(Files.list(store).sizes.values())
    with tqdm(total=total, unit="B", unit_scale=True, desc=store.name, leave=False, disable=None) as progress:
        found = verify(store, progress.update)
    for damage in found.damages:
        click.echo(f"{name}: {damage}")
    size = f"{counted(found.n_files, 'file')}, {found.n_bytes / 1e6:.1f} MB"
    click.echo(f"{name}: {'sound' if found.is_sound else counted(len(found.damages), 'damage')}, {size}")
    return found
