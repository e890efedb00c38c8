"""Results as a Parquet table with a row for each."""

from pathlib import Path

from hypercolumns.errors import InputError
from hypercolumns.results.options import Options
from hypercolumns.results.predictions import Predictions


def write(predictions: Predictions, out: Path, options: Options) -> None:
    """Write a table in the order of photographs and falling scores.

    Boxes and keypoints are those of the results, also where they extend beyond the photograph.

    Raises
    ------
    InputError
        If pyarrow is not installed, or photographs are to be copied.
    """
    if options.photographs is not None:
        raise InputError("A Parquet file has no place for photographs; leave out --photographs.")
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise InputError("--to parquet needs pyarrow: pip install 'hypercolumns[parquet]'.") from None

    found = [prediction for image in predictions.images for prediction in predictions.by_image[image.id]]
    names, numbers = pa.list_(pa.string()), pa.list_(pa.float64())
    columns: dict[str, tuple[pa.DataType, list]] = {
        "image_id": (pa.int64(), [p.image.id for p in found]),
        "file_name": (pa.string(), [p.image.file_name for p in found]),
        "width": (pa.int32(), [p.image.width for p in found]),
        "height": (pa.int32(), [p.image.height for p in found]),
        "category_id": (pa.int64(), [p.category.id for p in found]),
        "category": (pa.string(), [p.category.name for p in found]),
        "score": (pa.float64(), [p.score for p in found]),
        **{side: (pa.float64(), [p.box[index] for p in found]) for index, side in enumerate(("x0", "y0", "x1", "y1"))},
        "mask_size": (pa.list_(pa.int32()), [p.mask and p.mask["size"] for p in found]),
        "mask_counts": (pa.string(), [p.mask and p.mask["counts"] for p in found]),
        "keypoint_names": (names, [p.category.keypoints if p.keypoints else None for p in found]),
        **{
            f"keypoint_{name}": (numbers, [p.keypoints[index::3] if p.keypoints else None for p in found])
            for index, name in enumerate(("x", "y", "score"))
        },
        "part_names": (names, [[part.name for part in p.parts] or None for p in found]),
        "part_counts": (names, [[part.segmentation["counts"] for part in p.parts] or None for p in found]),
    }
    fields = [pa.field(name, kind) for name, (kind, _) in columns.items()]
    arrays = [pa.array(values, kind) for kind, values in columns.values()]
    out.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), out, compression="zstd")
