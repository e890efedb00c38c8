"""What is written is read as it was, whatever it is.

`EXAMPLES=1000 pytest tests/properties` draws more examples than by default.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance, Part
from hypercolumns.annotations.result_fields import BOX
from hypercolumns.annotations.results import read_results, write_results
from hypercolumns.errors import InputError
from hypercolumns.parameters import Parameters
from hypercolumns.parameters.text import as_yaml
from hypercolumns.stores.layout import Layout
from hypercolumns.stores.reading import Store
from hypercolumns.stores.replacing import replacing

few = settings(
    max_examples=int(os.environ.get("EXAMPLES", "40")),
    deadline=None,
    derandomize="EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
sides = st.integers(1, 20)
names = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=12)
numbers = st.floats(-1e6, 1e6)


def masks_of(height: int, width: int) -> st.SearchStrategy[NDArray[np.bool_]]:
    return hnp.arrays(bool, (height, width))


@st.composite
def some_mask(draw: st.DrawFn) -> NDArray[np.bool_]:
    return draw(masks_of(draw(sides), draw(sides)))


@given(mask=some_mask())
@few
def test_a_mask_survives_its_code(mask: NDArray[np.bool_]) -> None:
    """And area, box and total of the runs are those of the pixels."""
    code = masks.encode(mask)
    assert np.array_equal(masks.decode(code), mask)
    assert masks.area(code) == mask.sum()
    assert masks.run_total(code["counts"]) == mask.size
    assert masks.problem(code, *mask.shape) is None
    rows, columns = np.nonzero(mask)
    if rows.size:
        assert masks.box(code) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


@given(counts=st.text(st.characters(min_codepoint=1, max_codepoint=200), max_size=40), side=sides)
@few
def test_a_code_that_is_accepted_can_be_decoded(counts: str, side: int) -> None:
    code = masks.RLE(size=[side, side], counts=counts)
    if masks.problem(code, side, side) is None:
        assert masks.decode(code).shape == (side, side)
        assert masks.area(code) == masks.decode(code).sum()


@given(
    polygons=st.lists(st.lists(st.floats(), min_size=6, max_size=12).filter(lambda p: len(p) % 2 == 0), max_size=3),
    side=sides,
)
@few
def test_any_polygon_is_drawn_or_refused(polygons: list[list[float]], side: int) -> None:
    near = [p for p in polygons if max(map(abs, p)) <= 1000]
    if near:
        assert masks.decode(masks.from_polygons(near, side, side)).shape == (side, side)
    for polygon in polygons:
        if not max(map(abs, polygon)) <= 1e8:
            with pytest.raises(InputError):
                masks.from_polygons([polygon], side, side)


@st.composite
def annotation_sets(draw: st.DrawFn) -> AnnotationSet:
    height, width = draw(sides), draw(sides)
    code = masks.encode(draw(masks_of(height, width)))
    keypoints = tuple(draw(st.lists(names, max_size=3, unique=True)))
    parts = tuple(draw(st.lists(names, max_size=2, unique=True)))
    ids = st.integers(0, 2**63 - 1)
    image = Image(draw(ids), draw(names), width, height, draw(st.none() | st.just(code)), draw(st.integers(1, 8)))
    category = Category(draw(ids), draw(names), keypoints, (), parts)
    instances = tuple(
        Instance(
            id=number,
            image_id=image.id,
            category_id=category.id,
            segmentation=draw(st.none() | st.just(code)),
            box=(0.0, 0.0, float(draw(sides)), float(draw(sides))),
            area=draw(st.floats(0, 1e9)),
            crowd=draw(st.booleans()),
            difficult=draw(st.booleans()),
            keypoints=tuple(draw(st.lists(numbers, min_size=3 * len(keypoints), max_size=3 * len(keypoints)))),
            parts=tuple(Part(name, code) for name in parts),
        )
        for number in draw(st.lists(ids, max_size=3, unique=True))
    )
    return AnnotationSet((image,), (category,), instances, draw(names), draw(names), {"empty": draw(sides)})


@given(annotations=annotation_sets())
@few
def test_annotations_survive_their_file(annotations: AnnotationSet) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.json"
        annotations.save(path)
        found = AnnotationSet.load(path)
        assert (found.images, found.categories) == (annotations.images, annotations.categories)
        assert (found.counts, found.description) == (annotations.counts, annotations.description)
        assert [described(i) for i in found.instances] == [described(i) for i in annotations.instances]
        content = path.read_bytes()
        found.save(path)
        assert path.read_bytes() == content


def described(instance: Instance) -> tuple[Any, ...]:
    fields = instance.id, instance.image_id, instance.category_id, instance.segmentation, instance.box, instance.area
    return (*fields, instance.crowd, instance.difficult, instance.keypoints, instance.parts)


@given(
    seed=st.integers(0, 2**32 - 1),
    grid=st.integers(1, 50),
    alpha=st.floats(1e-12, 1e6),
    threshold=st.floats(0.001, 0.999),
    categories=st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=9), max_size=3, unique=True),
    parts=st.dictionaries(st.from_regex(r"\A[\w: #'-]{0,8}\w\Z"), st.just(["[lr]ear", "null", "a: b"]), max_size=3),
    limit=st.none() | st.integers(1, 10**9),
)
@few
def test_parameters_survive_yaml(**drawn: Any) -> None:
    """In the commented form that `hypercolumns params` prints, and in PyYAML's."""
    given_values = {
        "seed": drawn["seed"],
        "dataset": {"categories": drawn["categories"], "part_names": drawn["parts"]},
        "proposals": {"max_per_image": drawn["limit"]},
        "train": {"grid": drawn["grid"], "alpha": drawn["alpha"]},
        "predict": {"threshold": drawn["threshold"]},
    }
    parameters = Parameters.model_validate(given_values)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        for text in (as_yaml(parameters), yaml.safe_dump(parameters.model_dump(mode="json"))):
            path.write_text(text)
            assert Parameters.load(path) == parameters


@given(text=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
@few
def test_any_parameter_file_is_read_or_refused_in_one_paragraph(text: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        path.write_bytes(text)
        message = refusal(path)
        assert message is None or ("params.yaml" in message and "\n" not in message)


def refusal(path: Path) -> str | None:
    try:
        Parameters.load(path)
    except InputError as error:
        return str(error)
    return None


@given(
    entries=st.lists(
        st.tuples(st.sampled_from([1, 2]), numbers, st.floats(0, 9), st.floats(0, 9), st.floats(0.1, 9)), max_size=8
    )
)
@few
def test_results_survive_their_file(entries: list[tuple[float, ...]]) -> None:
    """They come back sorted by image and falling score."""
    images = (Image(1, "a.jpg", 20, 20), Image(2, "b.jpg", 20, 20))
    annotations = AnnotationSet(images, (Category(3, "car"),), (), ".")
    results = [
        {"image_id": image, "category_id": 3, "score": score, "bbox": [x, y, side, side]}
        for image, score, x, y, side in entries
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.json"
        write_results(results, path)
        found = list(read_results(path, annotations, BOX))
    order = [(entry["image_id"], -entry["score"]) for entry in found]
    assert order == sorted(order)
    assert sorted(map(str, found)) == sorted(map(str, results))


@given(
    rows=st.integers(0, 40),
    item=hnp.array_shapes(min_dims=0, max_dims=3, max_side=4) | st.just(()),
    dtype=st.sampled_from([np.float16, np.float32, np.int64, np.uint8]),
    chunk=st.integers(1, 5),
    chunks=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@few
def test_an_array_survives_its_store(
    rows: int, item: tuple[int, ...], dtype: Any, chunk: int, chunks: int, seed: int
) -> None:
    """Whatever its shape, and whatever its chunks and shards."""
    values = np.random.default_rng(seed).integers(0, 100, (rows, *item)).astype(dtype)
    layout = Layout(item, np.dtype(dtype).newbyteorder("<"), chunk, chunk * chunks)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.zarr"
        with replacing(path) as store:
            array = store.array("values", layout)
            for start in range(0, rows, 7):
                array.append(values[start : start + 7])
            store.finish("hypercolumns-test/1", {})
        found = Store.open(path, "hypercolumns-test/1", "store for tests", "test").array("values")
        assert found.shape == values.shape
        assert np.array_equal(found[:], values)
        assert np.array_equal(found[rows // 3 : rows // 2], values[rows // 3 : rows // 2])
