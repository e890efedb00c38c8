"""Mutations of XML files: entities, encodings, nesting, and every element and attribute with wrong values."""

import re
from collections.abc import Callable

from tests.mutations.harness import Mutation, content_mutation

_LONG = "x" * 1_000_000
_DEEP = 100_000
_LAUGHS = "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))

_ENTITIES = {
    "an entity": '<!ENTITY e "1">',
    "an entity of a file": '<!ENTITY e SYSTEM "file:///etc/passwd">',
    "an entity of parameters": '<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;',
    "billion laughs": f"<!ENTITY a0 'ha'>{_LAUGHS}<!ENTITY e '&a9;'>",
    "a long entity": f'<!ENTITY e "{_LONG}">',
}
"""Declarations of the entity e."""

_PREFIXES = {
    "an unknown encoding": '<?xml version="1.0" encoding="klingon"?>',
    "the encoding UTF-16, which it has not": '<?xml version="1.0" encoding="UTF-16"?>',
    "text before it": "text",
    "two declarations": '<?xml version="1.0"?><?xml version="1.0"?>',
    "a document type": '<!DOCTYPE annotation SYSTEM "http://localhost/annotation.dtd">',
}

_VALUES = {
    "empty": "",
    "NaN": "nan",
    "infinity": "inf",
    "1e400": "1e400",
    "-1": "-1",
    "2^32": str(2**32),
    "a million digits": "1" * 1_000_000,
    "digits of another script": "\u0664",
    "digits with underscores": "1_0",
    "text": "text",
    "a long text": _LONG,
    "a name that leads out": "../../etc/passwd",
}

WORDS = frozenset(_VALUES) - {"empty", "a million digits", "a long text"}
"""Values that are as good as others where a name is asked for."""


def xml_mutations(content: str, legitimate: Callable[[str, str], str], entity: str, repeated: str) -> list[Mutation]:
    """Mutations of an XML file.

    Parameters
    ----------
    content
        The file.
    legitimate
        Says for the name of an element or attribute and a value why another reading is right.
    entity
        A text of the file, which refers to an entity where one is declared.
    repeated
        An element of the file, to be repeated.
    """
    root, *elements = dict.fromkeys(re.findall(r"<(\w+)", content))
    leaves = dict.fromkeys(re.findall(r"<(\w+)>[^<>]*</\1>", content))
    attributes = dict.fromkeys(re.findall(r" (\w+)=", content))
    end = f"</{root}>"
    declared = content.replace(entity, "&e;", 1)
    wholes = {
        **{name: f"<!DOCTYPE a [{entities}]>{declared}" for name, entities in _ENTITIES.items()},
        **{name: prefix + content for name, prefix in _PREFIXES.items()},
        "without its last end": content.removesuffix(end),
        "two roots": content + content,
        "another root": "<a/>",
        "HTML": "<!DOCTYPE html><html><body><p>404<br></body></html>",
        "NUL in a text": content.replace(end, f"<unknown>\0</unknown>{end}"),
        "nested deeply in it": content.replace(end, "<b>" * _DEEP + "</b>" * _DEEP + end),
        "nested deeply around it": "<b>" * _DEEP + content + "</b>" * _DEEP,
        "a long attribute": content.replace(f"<{root}", f'<{root} long="{_LONG}"'),
        "50,000 attributes": content.replace(f"<{root}", f"<{root}" + "".join(f' a{n}=""' for n in range(50_000))),
        "a long comment": content.replace(end, f"<!-- {_LONG} -->{end}"),
        "100,000 elements": content.replace(end, "<object/>" * 100_000 + end),
        "an element 10,000 times": content.replace(repeated, repeated * 10_000),
    }
    encoded = {
        "in UTF-16": content.encode("utf-16"),
        "with byte order mark": content.encode("utf-8-sig"),
        "Latin-1 in a text": content.encode().replace(end.encode(), b"<unknown>\xe9</unknown>" + end.encode()),
    }
    changed = {
        **{(name, "removed"): _substitute(content, _element(name), "") for name in elements},
        **{(name, "twice"): _substitute(content, _element(name), r"\g<0>\g<0>") for name in elements},
        **{(name, "an element"): _with_text(content, name, "<b>1</b>") for name in leaves},
        **{(name, value): _with_text(content, name, text) for name in leaves for value, text in _VALUES.items()},
        **{(name, "removed"): _substitute(content, _attribute(name), "") for name in attributes},
        **{
            (name, value): _substitute(content, _attribute(name), f' {name}="{text}"')
            for name in attributes
            for value, text in _VALUES.items()
        },
    }
    return [
        *(_replaced_by(name, text.encode()) for name, text in wholes.items()),
        *(_replaced_by(name, raw) for name, raw in encoded.items()),
        *(
            _replaced_by(f"{name} {value}", text.encode(), legitimate(name, value), sampled=True)
            for (name, value), text in changed.items()
        ),
    ]


def _replaced_by(name: str, content: bytes, legitimate: str = "", *, sampled: bool = False) -> Mutation:
    return content_mutation(name, lambda _: content, legitimate, sampled=sampled)


def _substitute(content: str, pattern: str, text: str) -> str:
    changed, count = re.subn(pattern, text, content, count=1)
    assert count, f"{pattern} does not occur"
    return changed


def _element(name: str) -> str:
    return rf"<{name}\b[^>]*?(?:/>|>.*?</{name}>)"


def _attribute(name: str) -> str:
    return rf' {name}="[^"]*"'


def _with_text(content: str, name: str, text: str) -> str:
    return _substitute(content, f"<{name}>[^<>]*</{name}>", f"<{name}>{text}</{name}>")
