"""Mutations of the parameter file: YAML that means too much, and every key with values that it must not have."""

from collections.abc import Callable, Iterator
from typing import Any

import yaml

from tests.mutations.harness import Mutation, content_mutation

_VALUES = {
    "removed": None,
    "null": "null",
    "true": "true",
    "empty text": '""',
    "text": "text",
    "an empty list": "[]",
    "a list of null": "[null]",
    "an empty mapping": "{}",
    "a mapping": "{a: 1}",
    "NaN": ".nan",
    "infinity": ".inf",
    "1e400": "1.0e+400",
    "10^30": "1" + "0" * 30,
    "5000 digits": "1" * 5000,
    "-1": "-1",
    "half": "0.5",
    "a date that does not exist": "2001-99-99",
    "a date": "2001-01-01",
    "a date that is none": "!!timestamp text",
    "bytes": "!!binary aGVsbG8=",
    "bytes that are none": "!!binary x",
    "an integer that is none": "!!int text",
    "an integer of nothing": '!!int ""',
    "true or false that is none": "!!bool text",
    "a set": "!!set {a, b}",
    "pairs": "!!pairs [a: 1]",
    "a tag of Python": "!!python/object/apply:os.system [echo]",
    "a lone surrogate": '"\\ud800"',
    "NUL": '"a\\0b"',
    "a long text": "x" * 100_000,
    "the home of nobody": '"~nobody-of-this-name/x"',
}
"""YAML of the values that keys get; None removes the key."""

_PLACE = "place-of-the-value"
_LEVELS = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)]
_BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(_LEVELS)

_CONTENTS = {
    "a bomb of aliases": _BOMB,
    "a bomb of aliases as a value": f"{_BOMB}seed: *a8\n",
    "a bomb of merges": f"a: &a {{x: 1}}\nb: &b {{<<: [{', '.join(['*a'] * 10_000)}]}}\nc: {{<<: [*b, *b, *b]}}\n",
    "an alias in itself": "dataset: &a {puppets: *a}\n",
    "a list in itself": "tasks: &a [*a]\n",
    "an unknown alias": "seed: *a\n",
    "lists 10,000 deep": "seed: " + "[" * 10_000 + "]" * 10_000,
    "mappings 10,000 deep": "seed: " + "{a: " * 10_000 + "1" + "}" * 10_000,
    "blocks 600 deep": "".join(" " * n + "a:\n" for n in range(600)),
    "question marks": "? " * 10_000,
    "only brackets": "[" * 100_000,
    "a million spaces": f"seed: {' ' * 1_000_000}1\n",
    "100,000 keys": "".join(f"k{n}: {n}\n" for n in range(100_000)),
    "10,000 keys": "".join(f"k{n}: {n}\n" for n in range(10_000)),
    "two documents": "seed: 1\n---\nseed: 2\n",
    "a list": "[1, 2]",
    "a text": "text",
    "a number": "3",
    "a key of a list": "? [a, b]\n: 1\n",
    "a key of a mapping": "? {a: b}\n: 1\n",
    "a key that is a number": "1: 2\n",
    "a key that is null": "~: 2\n",
    "an unknown section": "unknown: {a: 1}\n",
    "an unknown key": "train: {unknown: 1}\n",
    "a tab": "train:\n\tgrid: 3\n",
    "a directive": "%YAML 9.9\n---\nseed: 1\n",
    "JSON with a key twice": '{"seed": 1, "seed": 2}',
    "control characters": "\x07\x1b",
}

_CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a section twice": lambda content: content + b"train: {grid: 3}\n",
    "a key twice": lambda content: content.replace(b"seed:", b"seed: 7\nseed:", 1),
    "a key of a section twice": lambda content: content.replace(b"  grid:", b"  grid: 7\n  grid:", 1),
    "in UTF-16": lambda content: content.decode().encode("utf-16"),
    "with byte order mark": lambda content: content.decode().encode("utf-8-sig"),
    "Latin-1 in a comment": lambda content: b"# \xe9\n" + content,
}


def yaml_mutations(content: dict[str, Any], legitimate: Callable[[str, str], str]) -> list[Mutation]:
    """Mutations of a file of parameters.

    Parameters
    ----------
    content
        The parameters.
    legitimate
        Says for a key, such as "train.grid", and a value why another reading is right.
    """

    def replaced_by(text: str) -> Callable[[bytes], bytes]:
        return lambda _: text.encode()

    return [
        *(content_mutation(name, replaced_by(text)) for name, text in _CONTENTS.items()),
        *(content_mutation(name, change) for name, change in _CHANGES.items()),
        *(
            content_mutation(f"{'.'.join(key)} {name}", _with_value(key, text), legitimate(key[-1], name), sampled=True)
            for key in _keys(content)
            for name, text in _VALUES.items()
        ),
    ]


def _keys(content: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in content.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from _keys(value, (*path, key))


def _with_value(path: tuple[str, ...], text: str | None) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        content = owner = yaml.safe_load(raw)
        for key in path[:-1]:
            owner = owner[key]
        if text is None:
            del owner[path[-1]]
            return yaml.safe_dump(content).encode()
        owner[path[-1]] = _PLACE
        return yaml.safe_dump(content, width=1000).replace(_PLACE, text).encode()

    return change
