"""COCO's own keypoint evaluation (object keypoint similarity), as a second opinion on people."""

import contextlib
import io

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pipeline.annotations.model import AnnotationSet, Category
from pipeline.annotations.results import Results

COCO_KEYPOINTS = 17
"""The spreads of COCO's keypoints are known for its people only."""


def oks_average_precision(annotations: AnnotationSet, category: Category, results: Results) -> dict[str, float | None]:
    """`oks_ap` (mean over the OKS .50, .55, ... .95) and `oks_ap_50`, in points.

    None where no keypoints are labelled; nothing at all for a category that does not have COCO's 17 keypoints. At
    most 20 results per image enter, as in COCO; difficult instances count as unlabelled, which COCO ignores.
    """
    if len(category.keypoints) != COCO_KEYPOINTS:
        return {}
    instances = [
        {
            "id": number,
            "image_id": i.image_id,
            "category_id": category.id,
            "bbox": [i.box[0], i.box[1], i.box[2] - i.box[0], i.box[3] - i.box[1]],
            "area": i.area,
            "iscrowd": int(i.crowd),
            "keypoints": list(i.keypoints) or [0] * 3 * COCO_KEYPOINTS,
            "num_keypoints": 0 if i.ignore else sum(v > 0 for v in i.keypoints[2::3]),
        }
        for number, i in enumerate(annotations.instances, start=1)
        if i.category_id == category.id
    ]
    if not any(i["num_keypoints"] for i in instances):
        return {"oks_ap": None, "oks_ap_50": None}
    if not results:
        return {"oks_ap": 0.0, "oks_ap_50": 0.0}
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": image.id} for image in annotations.images],
        "categories": [{"id": category.id, "name": category.name}],
        "annotations": instances,
    }
    found = [{key: r[key] for key in ("image_id", "category_id", "keypoints", "score")} for r in results]
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(found), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {"oks_ap": 100 * float(evaluation.stats[0]), "oks_ap_50": 100 * float(evaluation.stats[1])}
