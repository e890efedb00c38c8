"""Parameters as the text of a `params.yaml`: every key, with what it means."""

import inspect
from typing import Any

import yaml
from pydantic import BaseModel

from pipeline.parameters.model import Parameters

WIDTH = 120
HEADER = """\
# What the pipeline does, stage by stage. `dvc repro` reruns what a change touches, `dvc exp run -S train.grid=10` tries
# one out. Every key is checked. `hypercolumns params` prints this file with the defaults.
"""


def as_yaml(parameters: Parameters) -> str:
    """A complete, commented `params.yaml` that reads back as `parameters`."""
    return HEADER + "\n".join(_lines(parameters, 0)) + "\n"


def _lines(section: BaseModel, indent: int) -> list[str]:
    lines = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        pad = " " * indent
        if isinstance(value, BaseModel):
            separate = [""] if indent == 0 else []
            lines += [*separate, f"{pad}{name}:  # {inspect.getdoc(type(value))}", *_lines(value, indent + 2)]
            continue
        comment = " ".join((field.description or "").split())
        if isinstance(value, dict) and value:
            lines += [f"{pad}# {comment}", f"{pad}{name}:", *(f"{pad}  {_entry(item)}" for item in value.items())]
            continue
        line = f"{pad}{name}: {as_text(value)}"
        if comment and len(line) + len(comment) + 4 > WIDTH:
            lines += [f"{pad}# {comment}", line]
        else:
            lines.append(f"{line}  # {comment}" if comment else line)
    return lines


def _entry(item: tuple[str, Any]) -> str:
    """A line of a table: its key may be no plain text in YAML."""
    return f"{as_text(item[0])}: {as_text(item[1])}"


def as_text(value: Any) -> str:
    """One value as `params.yaml` has it."""
    plain = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump(plain, default_flow_style=True, width=1000).removesuffix("...\n").strip()
