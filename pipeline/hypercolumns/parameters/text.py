"""Parameters as the text of a `params.yaml`: every key, with what it means."""

import inspect
import itertools
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hypercolumns.parameters.model import Parameters
from hypercolumns.parameters.tasks import TASK_SECTIONS

WIDTH = 120
HEADER = """\
# What the pipeline does, stage by stage. `dvc repro` reruns what a change touches, `dvc exp run -S train.grid=10` tries
# one out. Every key is checked. `hypercolumns params` prints this file with the defaults.
"""


def as_yaml(parameters: Parameters, header: str = HEADER) -> str:
    """A complete, commented `params.yaml` that reads back as `parameters`, below the comment `header`."""
    blocks: list[list[str]] = []
    for name, field in Parameters.model_fields.items():
        value = getattr(parameters, name)
        blocks.append(_section(name, value) if isinstance(value, BaseModel) else _entry(name, value, field))
        if name == "predict":
            blocks += [_section(task, parameters.task_section(task)) for task in TASK_SECTIONS]
    return header + "\n".join(line for block in blocks for line in block) + "\n"


def _section(name: str, section: BaseModel) -> list[str]:
    return ["", *_lines(name, section, "")]


def _lines(name: str, section: BaseModel, pad: str) -> list[str]:
    lines = [f"{pad}{name}:  # {inspect.getdoc(type(section))}"]
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        inner = f"{pad}  "
        lines += _lines(key, value, inner) if isinstance(value, BaseModel) else _entry(key, value, field, inner)
    return lines


def _entry(name: str, value: Any, field: FieldInfo, pad: str = "") -> list[str]:
    """One key with its value, and its meaning behind or, where that is too long, above it."""
    comment = " ".join((field.description or "").split())
    if isinstance(value, dict) and value:
        # Keys that are not plain words in YAML need quotes too.
        return [f"{pad}# {comment}", f"{pad}{name}:", *(f"{pad}  {as_text(k)}: {as_text(v)}" for k, v in value.items())]
    line = f"{pad}{name}: {as_text(value)}"
    if comment and len(line) + len(comment) + 4 > WIDTH:
        return [f"{pad}# {comment}", line]
    return [f"{line}  # {comment}" if comment else line]


def as_text(value: Any) -> str:
    """One value as `params.yaml` has it."""
    plain = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump(plain, default_flow_style=True, width=1000).removesuffix("...\n").strip()


def leading_comment(text: str) -> str:
    """The comment lines that a YAML file starts with."""
    return "".join(itertools.takewhile(lambda line: line.startswith("#"), text.splitlines(keepends=True)))
