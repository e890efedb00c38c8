"""Judging variants in processes of their own, with limits, so that the end of a process is an outcome.

Run as a program, this module is such a process.
"""

import importlib
import json
import os
import queue
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutations.harness import Judge, Outcome, Result, all_variants

ROOT = Path(__file__).parents[2]

MEMORY = 2 * 2**30
"""Bytes that reading may take beyond the imports. Linux only; other systems do not limit address space."""

SECONDS = 20.0
"""Time for reading one variant."""

_SECONDS_TO_PREPARE = 120.0


def judge_all(names: Sequence[str], module: str, seconds: float = SECONDS, processes: int = 2) -> list[Result]:
    """Judge variants in several processes; outcomes do not depend on the number of processes.

    Parameters
    ----------
    names
        The variants.
    module
        The module whose `GROUPS` have them.
    seconds
        Limit for each.
    processes
        Number of processes; one that ends is replaced.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in names:
        waiting.put(name)

    def work() -> dict[str, Result]:
        results: dict[str, Result] = {}
        process = None
        while True:
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                break
            process = process or _Process(module)
            results[name] = process.judge(name, seconds)
            if process.has_ended:
                process = None
        if process is not None:
            process.end()
        return results

    with ThreadPoolExecutor(processes) as pool:
        workers = [pool.submit(work) for _ in range(processes)]
        found = {name: result for worker in workers for name, result in worker.result().items()}
    return [found[name] for name in names]


class _Process:
    """A process that judges one variant after the other."""

    def __init__(self, module: str) -> None:
        self.has_ended = False
        self._unread = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        paths = [str(ROOT), str(ROOT / "pipeline"), *filter(None, [os.environ.get("PYTHONPATH")])]
        # No bars of progress. Pools of memory reserve address space, which counts against the limit.
        quiet = {"TQDM_DISABLE": "1", "MALLOC_ARENA_MAX": "2"}
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-X", "faulthandler", "-m", "tests.mutations.processes", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | quiet,
        )
        if not self._line(_SECONDS_TO_PREPARE):
            raise RuntimeError(f"the process did not start: {self._ending()}")

    def judge(self, name: str, seconds: float) -> Result:
        """Judge a variant; a process that takes longer is killed."""
        self._process.stdin.write(json.dumps(name).encode() + b"\n")
        self._process.stdin.flush()
        if not self._line(_SECONDS_TO_PREPARE):
            raise RuntimeError(f"the variant {name} could not be made: {self._ending()}")
        start = time.perf_counter()
        line = self._line(seconds)
        taken = time.perf_counter() - start
        if line:
            return Result(name, Outcome(line[0]), line[1], taken)
        outcome = Outcome.TOO_SLOW if line is None else Outcome.CRASHED
        return Result(name, outcome, self._ending(), taken)

    def end(self) -> None:
        """Let the process end by itself."""
        self._process.communicate()
        self._errors.close()

    def _line(self, seconds: float) -> list[str] | None:
        """The next line of the process; empty if it has ended, None if there is none in time."""
        stdout = self._process.stdout.fileno()
        while b"\n" not in self._unread:
            if not select.select([stdout], [], [], seconds)[0]:
                return None
            piece = os.read(stdout, 2**16)
            if not piece:
                return []
            self._unread += piece
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    def _ending(self) -> str:
        """End the process if it has not ended, and say how it did."""
        self.has_ended = True
        self._process.kill()
        code = self._process.wait()
        self._errors.seek(0)
        text = self._errors.read().decode(errors="replace")[-2000:]
        self.end()
        return f"{signal.Signals(-code).name if code < 0 else f'exit code {code}'}. {text}"


def _serve(module: str) -> None:
    """Read names of variants from stdin, and write to stdout when each is prepared and what its outcome is."""
    readers = [reader for group in importlib.import_module(module).GROUPS.values() for reader in group]
    variants = {variant.name: variant for variant in all_variants(readers)}
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed must not come between the answers
    print(json.dumps(["ready"]), file=answers, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(Path(folder))
        for line in sys.stdin:
            variant = variants[json.loads(line)]
            judge.prepare(variant)
            print(json.dumps(["prepared"]), file=answers, flush=True)
            result = judge.judge(variant)
            print(json.dumps([result.outcome, result.detail[:2000]]), file=answers, flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
