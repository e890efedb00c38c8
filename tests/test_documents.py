"""The Python that documents print runs, as printed."""

import subprocess
import sys
from pathlib import Path

from tests.documents import ROOT, code_blocks


def test_the_lines_of_the_python_guide_run_one_after_the_other(tmp_path: Path) -> None:
    lines = "\n".join(code_blocks("docs/python.md"))
    checks = """
    assert store.hypercolumns([0], size=50).compute().shape == (1, 50, 50, 152)
    assert heat.shape == (4, 1, 50, 50)
    assert page.exists()
    assert 0 <= judgement.summary["mean_iou"] <= 1
    """
    body = "\n".join(f"    {line}" for line in lines.splitlines())
    (tmp_path / "guide.py").write_text(f'if __name__ == "__main__":\n{body}\n{checks}')
    done = subprocess.run(
        [sys.executable, "guide.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "pipeline"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
