"""Reading a YAML file: plain values, each key once, and no more than what is written."""

from pathlib import Path
from typing import Any

import yaml

from hypercolumns.errors import InputError
from hypercolumns.input_files import read_bytes

_LARGEST = 2**18
"""In bytes; the file of all parameters has 11,000."""

_MAX_VALUES = 100_000


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises
    ------
    InputError
        If the file is missing, is not YAML, has a key twice in one mapping or a value that YAML cannot express, or has
        aliases that repeat too much.
    """
    try:
        content = read_bytes(path, _LARGEST)
    except FileNotFoundError:
        raise InputError(f"The parameter file {path} does not exist.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}.") from None
    try:
        loader = yaml.SafeLoader(content)
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node, path)
        return loader.construct_document(node)
    except InputError:
        raise
    except RecursionError:
        raise InputError(f"{path} is not valid YAML: it is nested too deeply.") from None
    except Exception as error:  # for values that do not fit their tag, such as dates, PyYAML raises errors of any type
        raise InputError(f"{path} is not valid YAML: {_explain(error)}.") from None


def _check(root: yaml.Node, path: Path) -> None:
    """Refuse repeated keys, of which YAML's readers keep the last one, and aliases that repeat too much."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        """Number of values that a node stands for, with aliases written out."""
        if id(node) not in sizes:
            sizes[id(node)] = _MAX_VALUES  # if the node contains itself
            sizes[id(node)] = 1 + sum(map(size, _children(node, path)))
        return sizes[id(node)]

    if size(root) > _MAX_VALUES:
        raise InputError(f"{path} has aliases that stand for more than {_MAX_VALUES} values; write them out.")


def _children(node: yaml.Node, path: Path) -> list[yaml.Node]:
    """The entries of a list, or the keys and values of a mapping, whose keys are checked."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, _ in node.value:
            name = (key.tag, str(key.value))
            if name in seen:
                line = key.start_mark.line + 1
                raise InputError(f"{path} has the key {key.value!r} twice in one mapping, the second in line {line}.")
            seen.add(name)
        return [child for pair in node.value for child in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _explain(error: Exception) -> str:
    """Word an error of PyYAML in one line, without the piece of the file that it shows."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark and error.problem:
        mark = error.problem_mark
        return f"{error.problem} (line {mark.line + 1}, column {mark.column + 1})"
    return " ".join(str(error).replace(' in "<byte string>",', ",").split())
