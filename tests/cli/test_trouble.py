"""Ordinary trouble of a computer ends a command in one paragraph that names the file; a bug says how to report it."""

import errno
import io
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from hypercolumns.cli.command import command
from hypercolumns.cluster.checking import call_on_same_code
from hypercolumns.scratch.digests import code_digest
from hypercolumns.trouble import TroubleError, explain_trouble
from tests.documents import ROOT


def run(function: Callable[[], object]) -> Result:
    def step() -> None:
        function()

    return CliRunner().invoke(command(step))


def paragraph(function: Callable[[], object]) -> str:
    result = run(function)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    return result.output


def fail(error: BaseException) -> None:
    raise error


NUMBERS = {
    errno.ENOSPC: "MB are free",
    errno.EDQUOT: "quota",
    errno.EFBIG: "Make room",
    errno.EROFS: "Allow it",
    errno.EACCES: "Allow it",
    errno.EPERM: "Allow it",
    errno.EMFILE: "ulimit -n",
    errno.ENFILE: "ulimit -n",
    errno.ENAMETOOLONG: "shorter name",
    errno.EISDIR: "Move what is there",
    errno.ENOTDIR: "Move what is there",
    errno.ENOENT: "Make sure",
    errno.EIO: "Mend this",
}


@pytest.mark.parametrize("number", NUMBERS, ids=errno.errorcode.get)
def test_the_file_and_a_cure_are_named(number: int, tmp_path: Path) -> None:
    file = str(tmp_path / "a.zarr")
    said = paragraph(lambda: fail(OSError(number, os.strerror(number), file)))
    assert f"{file} cannot be read or written: {os.strerror(number)}" in said
    assert NUMBERS[number] in said
    assert "what was finished is kept" in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux that is full")
def test_a_file_that_the_error_does_not_name_is_found() -> None:
    """Errors of writing name no file."""

    def write() -> None:
        with Path("/dev/full").open("wb") as stream:
            stream.write(bytes(10))
            stream.flush()

    assert "/dev/full cannot be read or written: No space left on device (" in paragraph(write)


def test_files_in_place_of_folders_and_the_reverse(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder/full").mkdir(parents=True)
    for name, meet in {
        "file": lambda: (tmp_path / "file").mkdir(),
        "file/below": lambda: (tmp_path / "file/below").write_text(""),
        "folder": lambda: (tmp_path / "folder").write_text(""),
        "x" * 300: lambda: (tmp_path / ("x" * 300)).write_text(""),
    }.items():
        assert str(tmp_path / name) in paragraph(meet)


@pytest.mark.parametrize("explicit", [True, False])
def test_what_another_error_was_raised_from_counts(explicit: bool) -> None:
    def fail_in_library() -> None:
        try:
            raise OSError(errno.ENOSPC, "full", "a.zarr")
        except OSError as error:
            if explicit:
                raise RuntimeError("codec pipeline") from error
            raise RuntimeError("codec pipeline")  # noqa: B904

    assert "a.zarr" in paragraph(fail_in_library)


def test_an_error_met_in_passing_does_not_hide_a_bug() -> None:
    def bug() -> None:
        try:
            raise FileNotFoundError(errno.ENOENT, "none", "a.json")
        except FileNotFoundError:
            {}["key"]

    assert isinstance(run(bug).exception, KeyError)


def test_a_missing_package_is_named_and_a_missing_module_of_this_one_is_a_bug() -> None:
    said = paragraph(lambda: fail(ModuleNotFoundError("No module named 'cv2.data'", name="cv2.data")))
    assert f"The module cv2.data is missing in the Python environment {sys.prefix}" in said
    assert "pip install" in said
    own = ModuleNotFoundError("No module named 'hypercolumns.gird'", name="hypercolumns.gird")
    assert isinstance(run(lambda: fail(own)).exception, ModuleNotFoundError)


def test_libraries_in_rust_are_understood() -> None:
    """The text is that of safetensors 0.5, which names no file."""
    error = RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert "No space left on device (" in paragraph(lambda: fail(error))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:116] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_memory_that_is_full_comes_with_the_parameters_that_help(error: Exception) -> None:
    said = paragraph(lambda: fail(error))
    assert "compute.workers or compute.batch_size" in said


def test_arrays_that_are_too_large_are_trouble_too() -> None:
    assert "Unable to allocate" in paragraph(lambda: np.empty(2**59))


def test_threads_that_cannot_be_started() -> None:
    assert "ulimit -u" in paragraph(lambda: fail(RuntimeError("can't start new thread")))


def test_a_thread_pool_passes_trouble_on() -> None:
    def compute() -> None:
        with ThreadPoolExecutor(1) as pool:
            list(pool.map(fail, [OSError(errno.EMFILE, "Too many open files", "a")]))

    assert "ulimit -n" in paragraph(compute)


def test_a_worker_sends_the_paragraph() -> None:
    """Pickling an error loses what it was raised from, and the disk is the worker's."""
    with pytest.raises(TroubleError) as raised:
        call_on_same_code(code_digest(), wrapped_on_worker)
    assert "No space left on device" in paragraph(lambda: fail(pickle.loads(pickle.dumps(raised.value))))  # noqa: S301


def wrapped_on_worker() -> None:
    try:
        raise OSError(errno.ENOSPC, "full", "a.zarr")
    except OSError as error:
        raise RuntimeError("codec pipeline") from error


def test_a_worker_sends_other_errors_unchanged() -> None:
    with pytest.raises(KeyError):
        call_on_same_code(code_digest(), {}.__getitem__, "key")


def test_a_text_in_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / "latin.txt"
    file.write_bytes(b"caf\xe9")
    assert f"{file} is not text in UTF-8: its byte 3 is 0xe9." in paragraph(lambda: file.read_text("utf-8"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"# caf\xe9\nseed: 1", "unacceptable character"),
        (b"[" * 20_000, "nested too deeply"),
        (b'{"a":' * 20_000, "nested too deeply"),
    ],
)
def test_parameter_files_that_cannot_be_decoded_are_named(content: bytes, complaint: str, tmp_path: Path) -> None:
    from hypercolumns.cli.params import main as params
    from stages.prepare import main as prepare

    file = tmp_path / "params.yaml"
    file.write_bytes(content)
    for main, option in ((params, "--recipe"), (prepare, "--params")):
        result = CliRunner().invoke(main, [option, str(file)])
        assert result.exit_code == 1
        assert result.output.startswith(f"Error: {file} is not valid YAML: ")
        assert complaint in result.output
        assert result.output.count("\n") == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_parameter_files_in_the_encodings_of_yaml_are_read(encoding: str, tmp_path: Path) -> None:
    from hypercolumns.cli.params import main

    (tmp_path / "recipe.yaml").write_text("# é\nseed: 7\n", encoding=encoding)
    result = CliRunner().invoke(main, ["--recipe", str(tmp_path / "recipe.yaml")])
    assert result.output.startswith("# é\n")
    assert "seed: 7" in result.output


@pytest.mark.parametrize("grouped", [False, True])
def test_a_bug_ends_with_how_to_report_it(grouped: bool, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "import sys\n"
        "from hypercolumns.cli.command import command\n"
        "from hypercolumns.cli.group import LazyGroup\n"
        "@command\n"
        "def main():\n"
        "    {}['key']\n"
        "LazyGroup({'main': '__main__'}, name='group')() if len(sys.argv) > 1 else main()\n"
    )
    done = shell(f"{sys.executable} script.py{' main' * grouped}", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    note = "This is a bug of hypercolumns: please report it with this text, the command and params.yaml."
    assert done.stderr.splitlines()[-1] == note
    assert done.stderr.count(note) == 1


@pytest.mark.parametrize("command", ["hypercolumns params", "hypercolumns --help", "stages prepare --help"])
@pytest.mark.parametrize(
    ("ending", "code", "said"),
    [
        ("| true; exit ${PIPESTATUS[0]}", 1, ""),
        (">&-", 0, ""),
        ("> /dev/full", 1, "Error: The output cannot be written: No space left on device.\n"),
    ],
)
def test_output_that_nobody_reads(command: str, ending: str, code: int, said: str, tmp_path: Path) -> None:
    done = shell(f"{sys.executable} -m {command} {ending}", tmp_path)
    # The reader may leave after all was written.
    assert done.returncode in {code, 0 if "|" in ending else code}
    assert done.stderr == said


def test_closed_streams_are_no_files_of_the_command(tmp_path: Path) -> None:
    """The next file would have the number of stderr otherwise, and get the messages of libraries."""
    code = "import os, hypercolumns.process as p; p.prepare(); print(os.open('file', os.O_CREAT | os.O_WRONLY))"
    done = shell(f'{sys.executable} -c "{code}" 2>&- <&-', tmp_path)
    assert int(done.stdout) > 2


def test_errors_of_connections_are_not_errors_of_files() -> None:
    assert explain_trouble(ConnectionResetError(errno.ECONNRESET, "reset")) is None
    assert explain_trouble(io.UnsupportedOperation("fileno")) is None


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "pipeline"), str(ROOT)])}
    command = ["/bin/bash", "-c", line]
    return subprocess.run(  # noqa: S603
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
