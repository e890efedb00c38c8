"""The code in documents, as printed."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def code_blocks(document: str, language: str = "python") -> list[str]:
    """The fenced blocks of a document, given by its path below the repository, in their order."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
