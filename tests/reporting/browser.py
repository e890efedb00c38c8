"""Open a page in a headless Chromium, at several widths at once, and find what a reader would stumble over."""

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""Path of the browser; None where there is none."""

_SCHEMES = {"dark": 0, "light": 1}
"""Values of Blink's setting by what `prefers-color-scheme` becomes."""

# Frames made from srcdoc have the origin of the page around them, which may therefore look into them. A window would be
# at least 500 pixels wide.
_AROUND = """<!doctype html><meta charset="utf-8"><body>{frames}<script>
const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
  .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
const channels = colour => colour.match(/[\\d.]+/g).map(Number);
function ground(view, element) {{
  for (; element; element = element.parentElement) {{
    const colour = view.getComputedStyle(element).backgroundColor;
    if (colour.startsWith("rgb(")) return luminance(channels(colour));
  }}
  return 1;
}}
function contrast(view, element) {{
  const text = luminance(channels(view.getComputedStyle(element).color)), below = ground(view, element);
  return (Math.max(text, below) + .05) / (Math.min(text, below) + .05);
}}
function look(frame) {{
  const view = frame.contentWindow, page = frame.contentDocument;
  const texts = [...page.body.querySelectorAll("*")].filter(element =>
    !element.closest("svg") && element.checkVisibility() &&
    [...element.childNodes].some(node => node.nodeType == 3 && node.data.trim()));
  const wide = [...page.body.querySelectorAll("*")].filter(element =>
    !element.closest(".scroll") && element.getBoundingClientRect().right > view.innerWidth + 1);
  return {{
    width: view.innerWidth,
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    images: page.images.length,
    broken: [...page.images].filter(image => !image.naturalWidth).map(image => image.alt),
    scroll_width: page.documentElement.scrollWidth,
    wide: wide.map(element => element.outerHTML.slice(0, 80)),
    faint: texts.filter(element => contrast(view, element) < {contrast}).map(element => element.textContent),
  }};
}}
addEventListener("load", () => {{
  const found = document.createElement("pre");
  found.textContent = JSON.stringify([...document.querySelectorAll("iframe")].map(look));
  document.body.replaceChildren(found);
}});
</script>"""

_LEAST_CONTRAST = 4.5
"""Contrast of text with its ground that WCAG 2 asks for (level AA)."""


def look(page: Path, folder: Path, scheme: str, widths: Sequence[int]) -> tuple[list[dict[str, Any]], list[str]]:
    """Open a page and look at it.

    Parameters
    ----------
    folder
        Where the browser keeps its profile.
    scheme
        `light` or `dark`, which the reader prefers.
    widths
        Widths of the windows, in pixels.

    Returns
    -------
    For each width: the width, whether dark was preferred (`dark`), number of images (`images`), descriptions of those
    that are not shown (`broken`), width of the content (`scroll_width`), elements beyond the right edge (`wide`), and
    texts of little contrast (`faint`). Then the messages of the console.
    """
    # A lazy image below the window would not be loaded.
    source = html.escape(page.read_text(encoding="utf-8").replace(' loading="lazy"', ""))
    frames = "".join(
        f'<iframe style="border:0;width:{width}px;height:900px" srcdoc="{source}"></iframe>' for width in widths
    )
    around = folder / "around.html"
    around.write_text(_AROUND.format(frames=frames, contrast=_LEAST_CONTRAST), encoding="utf-8")
    assert CHROMIUM is not None
    run = subprocess.run(  # noqa: S603
        [
            *(CHROMIUM, "--headless", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"),
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            f"--user-data-dir={folder / 'profile'}",
            f"--blink-settings=preferredColorScheme={_SCHEMES[scheme]}",
            *("--dump-dom", around.absolute().as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = re.search(r"<pre>(.*?)</pre>", run.stdout, re.DOTALL)
    assert found, run.stdout[-2000:] + run.stderr[-2000:]
    return json.loads(html.unescape(found[1])), re.findall(r"CONSOLE.*", run.stderr)
