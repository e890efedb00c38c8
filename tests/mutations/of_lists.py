"""Mutations of text files with one name per line."""

from collections.abc import Callable

from tests.mutations.harness import Mutation, content_mutation

_LINES = {
    "binary": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "a million characters": b"x" * 1_000_000,
    "half a million folders": b"a/" * 500_000,
    "NUL": b"fir\0st",
    "a name that leads out": b"../../etc/passwd",
    "an absolute name": b"/etc/passwd",
    "a drive": b"C:\\Windows\\win.ini",
    "an unknown name": b"fourth",
    "100,000 unknown names": b"\n".join(b"unknown%d" % n for n in range(100_000)),
    "Latin-1": "überall".encode("latin-1"),
    "UTF-16 behind UTF-8": "first".encode("utf-16"),
    "half a character": b"\xc3",
    "control characters": b"\x1b[2Jfirst",
    "a dot": b".",
    "only separators": b"////",
    "a wildcard": b"*",
}
"""Lines that name no photograph."""

_CONTENTS: dict[str, Callable[[bytes], bytes]] = {
    "every line twice": lambda content: content + content,
    "in UTF-16": lambda content: content.decode().encode("utf-16"),
    "in UTF-16, without byte order mark": lambda content: content.decode().encode("utf-16-le"),
    "in UTF-32": lambda content: content.decode().encode("utf-32"),
    "with byte order mark": lambda content: content.decode().encode("utf-8-sig"),
    "lines that end as on Windows": lambda content: content.replace(b"\n", b"\r\n"),
    "spaces around lines": lambda content: content.replace(b"\n", b"  \n  "),
    "only blank lines": lambda _: b"\n \n\t\n",
    "a photograph": lambda _: b"\xff\xd8\xff\xe0\0\x10JFIF\0",
}


def list_mutations(legitimate: str = "") -> list[Mutation]:
    """Mutations of a list; `legitimate` says why another reading is right where lines are not names of photographs."""

    def with_line(line: bytes) -> Callable[[bytes], bytes]:
        return lambda content: content + line + b"\n"

    return [
        *(content_mutation(f"a line: {name}", with_line(line), legitimate) for name, line in _LINES.items()),
        *(content_mutation(name, change, legitimate) for name, change in _CONTENTS.items()),
    ]
