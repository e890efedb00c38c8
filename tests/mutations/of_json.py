"""Mutations of JSON files: encodings, nesting, and every field of an entry with values that it must not have."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.mutations.harness import Mutation, content_mutation

Path = tuple[str | int, ...]
"""Keys and indices that lead to a value."""

_REMOVED = "REMOVED"
_VALUES: Mapping[str, str] = {
    "removed": _REMOVED,
    "null": "null",
    "true": "true",
    "empty text": '""',
    "text": '"text"',
    "a lone surrogate": '"\\ud800"',
    "an empty list": "[]",
    "an empty object": "{}",
    "a list of null": "[null]",
    "NaN": "NaN",
    "1e400": "1e400",
    "10^30": "1" + 30 * "0",
    "5000 digits": "1" * 5000,
    "-1": "-1",
    "2^32": str(2**32),
    "2^63": str(2**63),
    "half": "0.5",
    "a long text": '"' + "x" * 100_000 + '"',
    "a path of a million folders": '"' + "a/" * 1_000_000 + 'b"',
    "a name that leads out": '"../../etc/passwd"',
    "a name with NUL": '"a\\u0000b"',
    "a list 10,000 deep": "[" * 10_000 + "]" * 10_000,
}
"""JSON of the values that fields get."""

_PLACE = "\ue000"
"""A text that occurs nowhere else, to be replaced by JSON that Python would not write."""


def field_mutations(content: Any, places: Sequence[Path], legitimate: Callable[[Path, str], str]) -> list[Mutation]:
    """Give every value in some places of a JSON document each of the values that it should not have.

    Parameters
    ----------
    content
        The document.
    places
        The entries whose fields, and whose lists, are changed, with all that is inside them.
    legitimate
        Says for a field and a value why another reading is right; empty if it would be wrong.
    """
    fields = dict.fromkeys(field for place in places for field in _fields(_value(content, place), place))
    return [
        content_mutation(
            f"{'.'.join(map(str, field))} {name}", _with_value(field, text), legitimate(field, name), sampled=True
        )
        for field in fields
        for name, text in _VALUES.items()
    ]


def _value(content: Any, path: Path) -> Any:
    for key in path:
        content = content[key]
    return content


def _fields(value: Any, path: Path) -> Iterator[Path]:
    """The path of a value and of what is in it; of a list, the first entry stands for all."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _fields(inner, (*path, key))
    elif isinstance(value, list) and value:
        yield from _fields(value[0], (*path, 0))


def _with_value(path: Path, text: str) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        content = json.loads(raw)
        owner = _value(content, path[:-1])
        if text == _REMOVED:
            del owner[path[-1]]
        else:
            owner[path[-1]] = _PLACE
        return json.dumps(content).replace(json.dumps(_PLACE), text).encode()

    return change


def _with_key(old: str, new: str) -> Callable[[bytes], bytes]:
    """Insert JSON before the first occurrence of a key."""

    def change(raw: bytes) -> bytes:
        before, key, after = raw.partition(f'"{old}"'.encode())
        assert key, f"{old} does not occur"
        return before + new.encode() + key + after

    return change


def _encoded(encoding: str) -> Callable[[bytes], bytes]:
    return lambda raw: raw.decode().encode(encoding)


def _wrapped(before: str, after: str) -> Callable[[bytes], bytes]:
    return lambda raw: before.encode() + raw + after.encode()


def _whole(text: str) -> Callable[[bytes], bytes]:
    return lambda _: text.encode()


def document_mutations(key: str, empty: str = "") -> list[Mutation]:
    """Mutations of a whole document.

    Parameters
    ----------
    key
        A key that entries have.
    empty
        Why an empty list is as valid as the document.
    """
    twice = "JSON leaves open which of two equal keys counts; every tool takes the last one"
    deep = 100_000
    return [
        content_mutation("in UTF-16", _encoded("utf-16")),
        content_mutation("in UTF-16, without byte order mark", _encoded("utf-16-le")),
        content_mutation("in UTF-32", _encoded("utf-32")),
        content_mutation("with byte order mark", _encoded("utf-8-sig")),
        content_mutation("text behind the end", _wrapped("", "]")),
        content_mutation("Latin-1 in a text", _wrapped_latin(key)),
        content_mutation("nested deeply around it", _wrapped("[" * deep, "]" * deep)),
        content_mutation("nothing but brackets", _whole("[" * deep)),
        content_mutation("objects nested deeply", _whole('{"a":' * deep + "1" + "}" * deep)),
        content_mutation("an unknown key", _with_key(key, '"unknown": {"a": [1, null, "x"]}, ')),
        content_mutation("an unknown key, nested deeply", _with_key(key, f'"unknown": {"[" * deep}{"]" * deep}, ')),
        content_mutation("a key twice", _with_key(key, f'"{key}": 99999, '), twice),
        content_mutation("a long key", _with_key(key, f'"{"k" * 1_000_000}": 1, ')),
        content_mutation("an unknown number out of range", _with_key(key, '"unknown": 1e400, ')),
        content_mutation("an unknown NaN", _with_key(key, '"unknown": NaN, ')),
        content_mutation("an unknown NaN and a large number", _with_key(key, f'"unknown": [NaN, 1{"0" * 30}], ')),
        content_mutation("an unknown NaN and a lone surrogate", _with_key(key, '"unknown": [NaN, "\\ud800"], ')),
        *(
            content_mutation(f"only {text}", _whole(text), empty if text == "[]" else "")
            for text in ("null", "{}", "[]", "1", '"text"', "[[]]", "[1]")
        ),
    ]


def _wrapped_latin(key: str) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        before, found, after = raw.partition(f'"{key}"'.encode())
        return before + b'"unknown": "\xe9\xff", ' + found + after

    return change


def changed(name: str, change: Callable[[Any], object], legitimate: str = "") -> Mutation:
    """A change of the content of a JSON document, in place."""

    def apply(raw: bytes) -> bytes:
        content = json.loads(raw)
        change(content)
        return json.dumps(content).encode()

    return content_mutation(name, apply, legitimate)
