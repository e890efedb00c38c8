"""`hypercolumns gc`: delete stores in an object store that no project refers to."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hypercolumns.cli.command import command
from hypercolumns.errors import InputError, choices, counted

if TYPE_CHECKING:
    from hypercolumns.places.bucket import Bucket
    from hypercolumns.steps.garbage import Garbage


@command
@click.argument("address")
@click.option("--delete", is_flag=True, help="Delete what is listed.  [default: only list it]")
@click.option(
    "--project",
    "projects",
    multiple=True,
    default=["."],
    type=click.Path(path_type=Path),
    help="Folder of a project that uses ADDRESS; name every one of them.",
)
@click.option("--only-current", is_flag=True, help="Do not keep what only DVC's cache refers to: older versions.")
@click.option("--shared", is_flag=True, help="Also delete copies of photographs and shared unfinished work.")
@click.option(
    "--older-than",
    "days",
    default=1.0,
    type=click.FloatRange(0, 36500),
    help="Days since the last write to a store; newer ones are kept, since a run may be at work on them.",
)
def main(address: str, delete: bool, projects: Sequence[Path], only_current: bool, shared: bool, days: float) -> None:
    """Delete stores that no project refers to.

    Only those below ADDRESS, a `compute.storage`, are looked at.

    A project refers to the stores of its present results and, by DVC's cache, to those of other commits and
    experiments. Without --delete nothing is deleted: the command lists what would be. With it the command waits for
    runs of the projects to end.
    """
    # Imported here so that `--help` does not wait for NumPy.
    from hypercolumns.scratch.work import locked
    from hypercolumns.steps.garbage import find_garbage
    from hypercolumns.workspace import Workspace

    storage = _writable(address)
    referenced = _referenced(projects, storage, cached=not only_current)
    with ExitStack() as stack:
        if delete:
            for folder in sorted({project.resolve() for project in projects}):
                stack.enter_context(locked(Workspace.at(folder).scratch))
            # Again: a run may have published a store meanwhile.
            referenced = _referenced(projects, storage, cached=not only_current)
        garbage = find_garbage(storage, referenced, timedelta(days=days), shared=shared)
        _show(garbage, days)
        if not garbage.groups:
            click.echo("Nothing to delete.")
        elif not delete:
            click.echo(f"Would delete {_total(garbage)}. Run again with --delete to do so.")
        else:
            for group in garbage.groups:
                group.delete()
            click.echo(f"Deleted {_total(garbage)}.")


def _writable(address: str) -> "Bucket":
    """The place at an address where objects can be deleted."""
    from hypercolumns.places.bucket import SCHEMES, Bucket
    from hypercolumns.places.place import is_address

    writable = [scheme for scheme in SCHEMES if not scheme.startswith("http")]
    if not is_address(address) or address.startswith("http"):
        raise InputError(
            f"{address!r} is not an address in which stores are deleted; it begins with {choices(writable)}, such as "
            "s3://bucket/folder. Stores in folders are results of DVC, which `dvc gc` deletes."
        )
    return Bucket.at(address)


def _referenced(projects: Sequence[Path], storage: "Bucket", *, cached: bool) -> set[str]:
    """Addresses of the stores of all projects; refuses one without any, since all stores would count as unused."""
    from hypercolumns.steps.garbage import is_below
    from hypercolumns.stores.projects import referenced_addresses

    all_found = set()
    for project in projects:
        found = referenced_addresses(project, cached=cached)
        if not any(is_below(address, storage.address) for address in found):
            raise InputError(
                f"The project in {project.absolute()} does not refer to any store below {storage}. Name with --project "
                "the folders of all projects that use this address, with their results or DVC's cache: what they do "
                "not refer to is deleted. To delete everything, use the tools of your object store."
            )
        all_found |= found
    return all_found


def _show(garbage: "Garbage", days: float) -> None:
    for group in garbage.groups:
        name = f"{group.kind}/{group.name}".rstrip("/")
        click.echo(f"{name}: {counted(len(group.objects), 'object')}, {group.n_bytes / 1e6:.1f} MB")
    recent = f"; {garbage.n_recent} written to too recently (--older-than {days:g})" if garbage.n_recent else ""
    click.echo(f"Kept: {counted(garbage.n_referenced, 'store')} that projects refer to{recent}.")


def _total(garbage: "Garbage") -> str:
    n_objects = sum(len(group.objects) for group in garbage.groups)
    n_bytes = sum(group.n_bytes for group in garbage.groups)
    return f"{counted(n_objects, 'object')}, {n_bytes / 1e6:.1f} MB"
