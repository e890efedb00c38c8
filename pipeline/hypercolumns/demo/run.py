"""Draw scenes, find the objects in them, and show both on a page."""

import html
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.errors import InputError, counted
from hypercolumns.input_files import read_json
from hypercolumns.parameters import DatasetParameters
from hypercolumns.places.atomic import atomic_write
from hypercolumns.puppets import generate
from hypercolumns.segmenter.folder_run import segment_files
from hypercolumns.segmenter.segmenter import Segmenter

PHOTOGRAPHS, FOUND, PAGE = "scenes", "found", "index.html"
"""Names below the output folder: the scenes, what `segment_files` writes for them, and the page."""

_TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True)
class Demonstration:
    """The page that a run of the demonstration has written, and counts of what it shows."""

    page: Path
    scenes: int
    drawn: int
    """Objects in the scenes, without those that are mostly hidden."""
    found: int
    """Boxes that the model takes for objects, wrong ones included."""

    @property
    def summary(self) -> str:
        """What was found, in words."""
        drawn = f"{self.drawn} {'was' if self.drawn == 1 else 'were'} drawn"
        return f"The model found {counted(self.found, 'object')} in {counted(self.scenes, 'scene')}; {drawn}"


def demonstrate(segmenter: Segmenter, out: Path, scenes: int, seed: int) -> Demonstration:
    """Draw scenes that the model has not seen, find objects in them, and write a page.

    Parameters
    ----------
    segmenter
        The packaged model, opened.
    out
        A folder that does not exist, is empty, or is that of an interrupted call, which goes on.
    scenes
        Number of scenes.
    seed
        Seed of the scenes; the model was trained on scenes of seed 0.

    Raises
    ------
    InputError
        If `out` has other files, or a package that the scenes need is not installed.
    """
    if out.exists() and (not out.is_dir() or {file.name for file in out.iterdir()} - {PHOTOGRAPHS, FOUND}):
        raise InputError(f"{out} exists and is not an empty folder; name another folder with -o.")
    settings = DatasetParameters.model_validate({"puppets": {"val_images": scenes}})
    drawn = generate(settings, "val", seed, out / PHOTOGRAPHS)
    summary = segment_files(segmenter, [out / PHOTOGRAPHS], out / FOUND)
    counted_objects = sum(not instance.ignore for instance in drawn.instances)
    result = Demonstration(out / PAGE, scenes, counted_objects, summary.objects)
    answers = read_json(out / FOUND / "answers.json")["photographs"]
    with atomic_write(result.page) as stream:
        stream.write(_page(drawn, answers, result, segmenter.minimum_score).encode())
    return result


def _page(drawn: AnnotationSet, answers: list[dict[str, Any]], result: Demonstration, score: float) -> str:
    """The page as HTML, with links to the pictures beside it."""
    names = {category.id: category.name for category in drawn.categories}
    lines = []
    for image, answer in zip(drawn.images, answers, strict=True):
        shown = sorted(names[i.category_id] for i in drawn.instances_by_image[image.id] if not i.ignore)
        seen = [f"{found['category']} {found['score']:.2f}" for found in answer["objects"]]
        overlay = f"{FOUND}/overlays/{Path(image.file_name).stem}.jpg"
        lines.append(
            f"<figure>{_picture(f'{PHOTOGRAPHS}/{image.file_name}')}{_picture(overlay)}"
            f"<figcaption>drawn: {_listed(shown)}<br>found: {_listed(seen)}</figcaption></figure>"
        )
    content = {"figures": "\n".join(lines), "summary": result.summary, "score": f"{score:g}"}
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(content)


def _picture(name: str) -> str:
    return f'<a href="{html.escape(name)}"><img src="{html.escape(name)}" alt="{html.escape(name)}"></a>'


def _listed(names: list[str]) -> str:
    return html.escape(", ".join(names)) or "nothing"
