"""Start a Dask scheduler here and its workers as SLURM jobs, and run a command that uses them.

docs/cluster.md explains it. Everything that an option leaves open comes from the section `jobqueue.slurm` of Dask's
configuration, where a site can keep what its jobs need.
"""

import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
import dask
import psutil
from dask.utils import parse_bytes
from dask_jobqueue.slurm import SLURMJob
from distributed import Scheduler, SpecCluster

from hypercolumns.cluster.workers import WORKER_ENVIRONMENT

ADDRESS = "{scheduler}"
"""Placeholder in the command for the address of the scheduler."""

SECONDS_BETWEEN_CHECKS = 30.0
"""How often to check that there are workers, or jobs that may start some."""


def worker_jobs(
    count: int, workers: int, memory: int, kind: str, **options: Any
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Specify jobs of `workers` processes with one thread each, by name.

    Parameters
    ----------
    memory
        Memory of each process, in bytes.
    kind
        First part of the names.
    options
        Further arguments of `dask_jobqueue.slurm.SLURMJob`.
    """
    made = {
        "cores": workers,
        "processes": workers,
        "memory": str(workers * memory),
        "job_name": f"hypercolumns-{kind}",
        "log_directory": "slurm-logs",
        "job_script_prologue": [f"export {name}={shlex.quote(value)}" for name, value in WORKER_ENVIRONMENT.items()],
        **options,
    }
    for number in range(count):
        # Dask gives the processes of a job these names.
        group = [f"-{process}" for process in range(workers)] if workers > 1 else [""]
        yield f"{kind}-{number}", {"cls": SLURMJob, "options": made, "group": group}


def in_bytes(_context: click.Context, _option: click.Parameter, size: str) -> int:
    """Convert a size such as 4GiB.

    Raises
    ------
    click.BadParameter
        When it is not a positive size.
    """
    try:
        number = parse_bytes(size)
    except ValueError:
        number = 0
    if number <= 0:
        raise click.BadParameter(f"{size!r} is not a size such as 4GiB.")
    return number


def existing_interface(_context: click.Context, _option: click.Parameter, name: str | None) -> str | None:
    """Return the name of a network interface of this machine.

    Raises
    ------
    click.BadParameter
        When the machine lacks it.
    """
    names = sorted(psutil.net_if_addrs())
    if name is not None and name not in names:
        raise click.BadParameter(f"this machine has no interface {name!r}; it has {', '.join(names)}.")
    return name


def require_accepted(jobs: Mapping[str, Mapping[str, Any]]) -> None:
    """Let SLURM check the jobs before any is submitted.

    Raises
    ------
    click.ClickException
        With what `sbatch` says about a job that it would refuse.
    """
    for name, spec in jobs.items():
        script = spec["cls"]("tcp://scheduler:8786", name=name, **spec["options"]).job_script()
        tested = subprocess.run(["sbatch", "--test-only"], input=script, capture_output=True, text=True, check=False)  # noqa: S607
        if tested.returncode:
            raise click.ClickException(f"SLURM refuses the job {name}: {tested.stderr.strip()}")


def start(jobs: Mapping[str, Mapping[str, Any]], interface: str | None, port: int) -> SpecCluster:
    """Start the scheduler in this process and submit `jobs`; closing what is returned cancels them."""
    protocol = "tls" if dask.config.get("distributed.comm.require-encryption") else None
    options = {"protocol": protocol, "interface": interface, "port": port, "dashboard_address": ":0"}
    return SpecCluster(jobs, scheduler={"cls": Scheduler, "options": options}, silence_logs="error")


class Workers:
    """Workers of a cluster and the jobs that start them."""

    def __init__(self, cluster: SpecCluster) -> None:
        self._cluster = cluster
        # Kept here because the cluster forgets a job whose worker has gone.
        self._jobs = {job.job_id for job in cluster.workers.values()}

    def wait_for_first(self) -> None:
        """Wait for the first worker.

        Raises
        ------
        click.ClickException
            When all jobs end before one has connected.
        """
        while True:
            try:
                self._cluster.wait_for_workers(1, timeout=SECONDS_BETWEEN_CHECKS)
            except TimeoutError:
                if self.have_ended():
                    raise click.ClickException(
                        "All jobs of workers ended before a worker connected; slurm-logs may say why."
                    ) from None
            else:
                return

    def have_ended(self) -> bool:
        """Whether no worker is connected and no job waits or runs, so that stages would wait for ever."""
        if self._cluster.scheduler_info["workers"]:
            return False
        command = ["squeue", "--me", "--noheader", "--format=%i"]
        listed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        return listed.returncode == 0 and self._jobs.isdisjoint(listed.stdout.split())

    def disconnect(self) -> None:
        """End the scheduler, so that the pipeline ends with an error instead of waiting."""
        self._cluster.close()


def run(command: Sequence[str], workers: Workers) -> int:
    """Run `command` and return its exit status. It deals with Ctrl-C, which reaches it too; SIGTERM is passed on.

    A command that was killed has the status that a shell would give it. When all jobs of workers end first, so does the
    scheduler.

    Raises
    ------
    click.ClickException
        When the command cannot be started.
    """
    try:
        process = subprocess.Popen(command)  # noqa: S603
    except OSError as error:
        raise click.ClickException(f"{command[0]}: {error.strerror}") from None
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    disconnected = False
    while True:
        try:
            status = process.wait(timeout=SECONDS_BETWEEN_CHECKS)
            break
        except subprocess.TimeoutExpired:
            if not disconnected and workers.have_ended():
                click.echo(
                    "\nAll jobs of workers have ended, and so does the scheduler; slurm-logs may say why.", err=True
                )
                workers.disconnect()
                disconnected = True
    return 128 - status if status < 0 else status


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--jobs", type=click.IntRange(0), default=1, show_default=True, help="Jobs of CPU workers.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Worker processes of such a job, one per core.",
)
@click.option("--memory", callback=in_bytes, default="4GiB", show_default=True, help="Memory of each of them.")
@click.option("--gpu-jobs", type=click.IntRange(0), default=0, show_default=True, help="Jobs of one GPU.")
@click.option(
    "--gpu-workers",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Workers of such a job, which share its GPU.",
)
@click.option("--gpu-cores", type=click.IntRange(1), default=8, show_default=True, help="CPU cores of such a job.")
@click.option(
    "--gpu-memory", callback=in_bytes, default="8GiB", show_default=True, help="Memory of each of its workers."
)
@click.option("--gpu-request", default="--gres=gpu:1", show_default=True, help="Option of sbatch for the GPU.")
@click.option(
    "--time",
    "walltime",
    help="Time limit of every job, such as 12:00:00; without it that of Dask's configuration, 30 minutes by default.",
)
@click.option("--partition", "queue", help="Partition of every job.")
@click.option("--account", help="Account of every job.")
@click.option(
    "--interface",
    callback=existing_interface,
    help="Network interface that all nodes share, such as ib0.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Port of the scheduler; 0 takes a free one.",
)
@click.option("--sbatch", "directives", multiple=True, help="Another option of sbatch, for every job; can be repeated.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def main(
    jobs: int,
    workers: int,
    memory: int,
    gpu_jobs: int,
    gpu_workers: int,
    gpu_cores: int,
    gpu_memory: int,
    gpu_request: str,
    interface: str | None,
    port: int,
    directives: tuple[str, ...],
    command: tuple[str, ...],
    **site: str | None,
) -> None:
    """Run COMMAND, in which {scheduler} stands for the address; without one, wait for Ctrl-C."""
    if jobs + gpu_jobs == 0:
        raise click.UsageError("No job would start a worker: give --jobs or --gpu-jobs.")
    shared = {**site, "interface": interface}
    wanted = {
        **dict(worker_jobs(jobs, workers, memory, "cpu", job_extra_directives=list(directives), **shared)),
        **dict(
            worker_jobs(
                *(gpu_jobs, gpu_workers, gpu_memory, "gpu"),
                job_cpu=gpu_cores,
                job_extra_directives=[gpu_request, *directives],
                worker_extra_args=["--resources", "GPU=1"],
                **shared,
            )
        ),
    }
    require_accepted(wanted)
    # Both raise KeyboardInterrupt, so that the jobs of the workers are cancelled. dask-jobqueue sets another handler.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with start(wanted, interface, port) as cluster:
        workers_of_jobs = Workers(cluster)
        try:
            click.echo(f"The scheduler is {cluster.scheduler_address}; waiting for the first worker.", err=True)
            workers_of_jobs.wait_for_first()
            if command:
                status = run([word.replace(ADDRESS, cluster.scheduler_address) for word in command], workers_of_jobs)
            else:
                click.echo("A worker has come. Ctrl-C ends scheduler and workers.", err=True)
                threading.Event().wait()
        except KeyboardInterrupt:
            # A second Ctrl-C would leave jobs in the queue.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()
