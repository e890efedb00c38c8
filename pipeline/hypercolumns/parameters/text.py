"""Parameters as a commented `params.yaml`."""

import inspect
import itertools
from typing import Any

import yaml
from pydantic import BaseModel

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
    lines = []
    for name, field in Parameters.model_fields.items():
        lines += _entry(name, getattr(parameters, name), field.description)
        if name == "predict":
            for task in TASK_SECTIONS:
                lines += _entry(task, parameters.task_section(task))
    return header + "\n".join(lines) + "\n"


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


def _entry(name: str, value: Any, description: str | None = None, indent: str = "") -> list[str]:
    """Format one key and its value, with the comment behind or, if the line gets too long, above.

    A section has its docstring as comment and, at the top level, an empty line before it.
    """
    inner = f"{indent}  "
    if isinstance(value, BaseModel):
        lines = [] if indent else [""]
        lines.append(f"{indent}{name}:  # {inspect.getdoc(type(value))}")
        for key, field in type(value).model_fields.items():
            lines += _entry(key, getattr(value, key), field.description, inner)
        return lines
    comment = " ".join((description or "").split())
    if isinstance(value, dict) and value:
        # Keys may need quotes in YAML, as values do.
        entries = [f"{inner}{as_text(key)}: {as_text(entry)}" for key, entry in value.items()]
        return [f"{indent}# {comment}", f"{indent}{name}:", *entries]
    line = f"{indent}{name}: {as_text(value)}"
    if comment and len(line) + len(comment) + 4 > WIDTH:
        return [f"{indent}# {comment}", line]
    return [f"{line}  # {comment}" if comment else line]
