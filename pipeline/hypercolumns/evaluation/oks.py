"""COCO's own keypoint evaluation (object keypoint similarity), as a second opinion on people."""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval, Params

from hypercolumns.annotations.model import AnnotationSet, Category
from hypercolumns.annotations.results import Results
from hypercolumns.regions.boxes import to_coco

_SIDED = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
COCO_KEYPOINTS = ("nose", *(f"{side}_{name}" for name in _SIDED for side in ("left", "right")))
"""The keypoints of COCO's people, in COCO's order; how far annotators spread is known for these only."""


def oks_average_precision(annotations: AnnotationSet, category: Category, results: Results) -> dict[str, float | None]:
    """`oks_ap` (mean over the OKS .50, .55, ... .95) and `oks_ap_50`, in points.

    None where no keypoints are labelled; nothing at all for a category that does not have COCO's 17 keypoints, in any
    order. At most 20 results per image enter, as in COCO; difficult instances count as unlabelled, which COCO ignores.
    """
    if sorted(category.keypoints) != sorted(COCO_KEYPOINTS):
        return {}
    instances = [
        {
            "id": number,
            "image_id": i.image_id,
            "category_id": category.id,
            "bbox": to_coco(i.box).tolist(),
            "area": i.area,
            "iscrowd": int(i.crowd),
            "keypoints": list(i.keypoints) or [0] * 3 * len(COCO_KEYPOINTS),
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
        spread = dict(zip(COCO_KEYPOINTS, Params("keypoints").kpt_oks_sigmas, strict=True))
        evaluation.params.kpt_oks_sigmas = np.array([spread[name] for name in category.keypoints])
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {"oks_ap": 100 * float(evaluation.stats[0]), "oks_ap_50": 100 * float(evaluation.stats[1])}
