"""Parameters as a commented `params.yaml`."""

import inspect
import itertools
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hypercolumns.parameters.model import Parameters
from hypercolumns.parameters.tasks import TASK_SECTIONS

WIDTH = 120
"""A comment that would make its line longer than this goes above the key."""

HEADER = """\
# Parameters of the pipeline, in the order of its steps. `dvc repro` reruns what a change affects, and
# `dvc exp run -S train.grid=10` tries a value out. Unknown keys and impossible values are refused.
# `hypercolumns params` prints this file with the defaults.
"""


def as_yaml(parameters: Parameters, header: str = HEADER) -> str:
    """Format parameters as a complete, commented `params.yaml`; reading it back gives equal parameters.

    Parameters
    ----------
    parameters
        Values of all keys.
    header
        Comment lines at the top.
    """
    blocks: list[list[str]] = []
    for name, field in Parameters.model_fields.items():
        value = getattr(parameters, name)
        blocks.append(_section(name, value) if isinstance(value, BaseModel) else _entry(name, value, field))
        if name == "predict":
            blocks += [_section(task, parameters.task_section(task)) for task in TASK_SECTIONS]
    return header + "\n".join(line for block in blocks for line in block) + "\n"


def as_text(value: Any) -> str:
    """Format one value as YAML on one line.

    Examples
    --------
    >>> print(as_text(("stage2", "null")), as_text(None))
    [stage2, 'null'] null
    """
    plain = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump(plain, default_flow_style=True, width=1000).removesuffix("...\n").strip()


def leading_comment(text: str) -> str:
    r"""Return the comment lines at the top of a YAML file.

    Examples
    --------
    >>> leading_comment("# Title\nseed: 0\n# Later\n")
    '# Title\n'
    """
    return "".join(itertools.takewhile(lambda line: line.startswith("#"), text.splitlines(keepends=True)))


def _section(name: str, section: BaseModel) -> list[str]:
    return ["", *_section_lines(name, section, "")]


def _section_lines(name: str, section: BaseModel, indent: str) -> list[str]:
    lines = [f"{indent}{name}:  # {inspect.getdoc(type(section))}"]
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        inner = f"{indent}  "
        nested = isinstance(value, BaseModel)
        lines += _section_lines(key, value, inner) if nested else _entry(key, value, field, inner)
    return lines


def _entry(name: str, value: Any, field: FieldInfo, indent: str = "") -> list[str]:
    """Format one key and its value, with the comment behind or, if the line gets too long, above."""
    comment = " ".join((field.description or "").split())
    if isinstance(value, dict) and value:
        # Keys may need quotes in YAML, as values do.
        entries = [f"{indent}  {as_text(key)}: {as_text(entry)}" for key, entry in value.items()]
        return [f"{indent}# {comment}", f"{indent}{name}:", *entries]
    line = f"{indent}{name}: {as_text(value)}"
    if comment and len(line) + len(comment) + 4 > WIDTH:
        return [f"{indent}# {comment}", line]
    return [f"{line}  # {comment}" if comment else line]
